import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TARGETS } from "../../../src/packaging/targets.ts";
import { describeNeeding } from "../../support/machine/parts.ts";
import { published, startRegistry } from "../../support/packages/npm-registry.ts";
import { RELEASE_NEEDS, releaseFolder } from "../../support/packaging/release.ts";
import { copyTree, RELEASE_MS, runRelease, VERSION } from "../../support/packaging/tree-copy.ts";
import { blockWith } from "../../support/readme.ts";
import { runProgram } from "../../support/process/program.ts";

const ENVIRONMENT = { PATH: process.env["PATH"] ?? "/usr/bin:/bin" };

await describeNeeding("bun run release", RELEASE_NEEDS, () => {
  setDefaultTimeout(RELEASE_MS);
  let folder = "";
  let scratch = "";
  beforeAll(async () => {
    scratch = mkdtempSync(join(tmpdir(), "release-test-"));
    folder = await releaseFolder();
  });
  afterAll(() => rmSync(scratch, { recursive: true }));

  async function succeed(...command: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await runProgram(command, { env: ENVIRONMENT });
    if (code !== 0) throw new Error(`${command.join(" ")}: ${stderr}`);
    return stdout;
  }

  test("makes an archive for each target, Debian packages, a bill of materials and checksums", () => {
    const name = `simpletcpunixrelay-${VERSION}`;
    const files = readdirSync(folder);
    expect(files).toEqual(
      expect.arrayContaining([
        ...TARGETS.map((target) => `${name}-${target}.tar.gz`),
        ...["amd64", "arm64"].map((one) => `simpletcpunixrelay_${VERSION}_${one}.deb`),
        ...TARGETS.map((target) => `simpletcpunixrelay-${target}-${VERSION}.tgz`),
        `${name}.tgz`,
        `${name}.cdx.json`,
        "SHA256SUMS",
      ]),
    );
    const listed = readFileSync(join(folder, "SHA256SUMS"), "utf8").trimEnd().split("\n");
    expect(listed.map((line) => line.slice(66)).sort()).toEqual(
      files.filter((file) => file !== "SHA256SUMS").sort(),
    );
  });

  test("sha256sum finds the checksums right", async () => {
    await succeed("sh", "-c", 'cd "$1" && sha256sum --check --strict SHA256SUMS', "sh", folder);
  });

  test("each archive has the same files, as below /usr/local", async () => {
    const lists = await Promise.all(
      TARGETS.map(async (target) => {
        const title = `simpletcpunixrelay-${VERSION}-${target}`;
        const list = await succeed("tar", "-tzf", join(folder, `${title}.tar.gz`));
        return list.split("\n").map((path) => path.slice(title.length + 1));
      }),
    );
    const [first = []] = lists;
    for (const list of lists) expect(list).toEqual(first);
    expect(first).toEqual(
      expect.arrayContaining([
        "bin/simpletcpunixrelay",
        ...["CHANGELOG.md", "LICENSE", "LICENSES-third-party.txt", "README.md"].map(
          (file) => `share/doc/simpletcpunixrelay/${file}`,
        ),
      ]),
    );
  });

  test("an unpacked executable tells the release's version", async () => {
    const archive = join(folder, `simpletcpunixrelay-${VERSION}-linux-x64.tar.gz`);
    const prefix = join(scratch, "prefix");
    mkdirSync(prefix);
    await succeed("tar", "-xzf", archive, "--strip-components=1", "-C", prefix);
    const printed = await succeed(join(prefix, "bin/simpletcpunixrelay"), "--version");
    expect(printed).toBe(`simpletcpunixrelay ${VERSION}\n`);
  });

  test("the README's npm command installs the program", async () => {
    const packages = readdirSync(folder).filter((file) => file.endsWith(".tgz"));
    const manifests = join(scratch, "manifests");
    const ours = packages.map(async (file) => {
      const place = join(manifests, file);
      mkdirSync(place, { recursive: true });
      const words = ["--strip-components=1", "--occurrence=1", "-C", place];
      await succeed("tar", "-xzf", join(folder, file), ...words, "package/package.json");
      return await published(place, join(folder, file));
    });
    using registry = startRegistry(await Promise.all(ours));
    const prefix = join(scratch, "global");
    const { code, stderr } = await runProgram(["sh", "-ec", blockWith("npm install ")], {
      env: {
        ...ENVIRONMENT,
        HOME: scratch,
        npm_config_registry: registry.url,
        npm_config_update_notifier: "false",
        npm_config_prefix: prefix,
      },
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const printed = await succeed(join(prefix, "bin/simpletcpunixrelay"), "--version");
    expect(printed).toBe(`simpletcpunixrelay ${VERSION}\n`);
  });

  describe("in a second copy of the tree", () => {
    let copy = "";
    beforeAll(async () => {
      copy = join(scratch, "a longer path/to the tree");
      await copyTree(copy);
    });

    test("the second release has the same bytes, whatever umask, time zone and language", async () => {
      const setting = { umask: "077", env: { TZ: "Pacific/Auckland", LANG: "tr_TR.UTF-8" } };
      expect(await runRelease(copy, setting)).toMatchObject({ code: 0, stderr: "" });
      const sums = (one: string) => readFileSync(join(one, "SHA256SUMS"), "utf8");
      expect(sums(join(copy, "dist/release"))).toBe(sums(folder));
    });

    test("a change that is not committed is refused with one line", async () => {
      appendFileSync(join(copy, "README.md"), "\n");
      const { code, stderr } = await runRelease(copy);
      expect(code).toBe(1);
      expect(stderr).toBe(
        'release: the tree differs from its commit: "M README.md"; commit or remove\n',
      );
    });
  });
});
