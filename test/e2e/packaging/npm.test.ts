import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmod, copyFile, cp, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import packageJson from "../../../package.json";
import { buildNpmPackages } from "../../../src/packaging/npm/build-packages.ts";
import { startRelay } from "../../support/process/executable.ts";
import { runProgram } from "../../support/process/program.ts";
import { connectEcho, startEcho } from "../../support/sockets/echo.ts";
import { HERE, NpmMachines } from "./npm-machines.ts";

setDefaultTimeout(60_000);

// The packages that the library needs are in it.
const SIZE_MAX = 200_000;
const NEEDS_BUN = `simpletcpunixrelay needs Bun ${packageJson.engines.bun.slice(2)} or later`;
const bin = "node_modules/.bin/simpletcpunixrelay";
const modules = join(import.meta.dir, "../../../node_modules");

let machines: NpmMachines;
beforeAll(async () => void (machines = await NpmMachines.make()), 180_000);
afterAll(() => machines[Symbol.asyncDispose]());

describe("the packages", () => {
  test("publint and arethetypeswrong find nothing", async () => {
    for (const { name, tarball } of machines.packages) {
      if (name !== machines.main.name && !name.endsWith(HERE)) continue;
      const bytes = await readFile(tarball);
      const { messages, pkg = {} } = await publint({
        pack: { tarball: new Uint8Array(bytes).buffer },
        strict: true,
      });
      expect(messages.map((message) => formatMessage(message, pkg))).toEqual([]);
    }
    const attw = join(modules, "@arethetypeswrong/cli/dist/index.js");
    // The library is ESM only, as Bun's own projects are.
    const command = [process.execPath, attw, "--profile", "esm-only", machines.main.tarball];
    expect(await machines.run("bun", machines.main.folder, command)).toMatchObject({ code: 0 });
  });

  test(`the main package is under ${SIZE_MAX / 1_000} KB and holds no test`, async () => {
    const bytes = await readFile(machines.main.tarball);
    expect(bytes.length).toBeLessThan(SIZE_MAX);
    const files = await new Bun.Archive(bytes).files();
    for (const [name, file] of files) {
      expect(name).toMatch(/^package\/(package\.json|README\.md|LICENSE|bin\/|lib\/)/);
      expect(name).not.toMatch(/test/);
      expect(await file.text()).not.toMatch(/bun:test|sourceMappingURL/);
    }
    expect([...files.keys()]).toContain("package/lib/worker-thread.js");
  });

  test("made twice they are the same, bit for bit, whatever the umask", async () => {
    const executables = new Map([[HERE, join(import.meta.dir, "npm-app.ts")]] as const);
    const folder = await machines.project("twice");
    const umask = process.umask(0o077);
    try {
      const again = await buildNpmPackages(folder, executables);
      const main = again.at(-1)?.tarball ?? "";
      expect((await readFile(main)).equals(await readFile(machines.main.tarball))).toBe(true);
    } finally {
      process.umask(umask);
    }
  });

  test("each can be published: a version, a licence, not private", async () => {
    for (const { folder } of machines.packages) {
      const manifest: unknown = await Bun.file(join(folder, "package.json")).json();
      const { version, license } = packageJson;
      expect(manifest).toMatchObject({ version, license, publishConfig: { access: "public" } });
      expect(manifest).not.toHaveProperty("private");
    }
  });
});

describe("on a machine with only Node.js", () => {
  let project: string;
  let code: number | null;
  let warnings: string;
  beforeAll(async () => {
    project = await machines.project("node");
    const install = ["npm", "install", "simpletcpunixrelay"];
    ({ code, stderr: warnings } = await machines.run("node", project, install));
  });

  test("npm installs the executable of this machine, no other package, and warns of nothing", async () => {
    expect({ code, warnings }).toEqual({ code: 0, warnings: "" });
    const installed = await readdir(join(project, "node_modules"));
    expect(installed.filter((name) => !name.startsWith(".")).sort()).toEqual([
      "@simpletcpunixrelay",
      "simpletcpunixrelay",
    ]);
    const ours = await readdir(join(project, "node_modules/@simpletcpunixrelay"));
    expect(ours.sort()).toEqual(["bun", HERE]);
    const licenses = join(project, "node_modules/simpletcpunixrelay/lib/LICENSES-third-party.txt");
    expect(await readFile(licenses, "utf8")).toContain("@prometheus-io/client");
  });

  test("npx starts it, and passes on what it says and its exit status", async () => {
    expect(await machines.run("node", project, ["npx", "simpletcpunixrelay", "--version"])).toEqual(
      {
        code: 0,
        stdout: `simpletcpunixrelay ${packageJson.version}\n`,
        stderr: "",
      },
    );
    expect(await machines.run("node", project, ["npx", "simpletcpunixrelay", "x"])).toMatchObject({
      code: 64,
      stderr: expect.stringContaining("simpletcpunixrelay: "),
    });
  });

  test("the command becomes the executable: process id, TERM, HUP", async () => {
    using echo = startEcho();
    await using relay = await startRelay(["127.0.0.1:0", echo.address], {
      executable: join(project, bin),
      env: machines.environment("node"),
    });
    expect(await readlink(`/proc/${relay.pid}/exe`)).toEndWith(`${HERE}/bin/simpletcpunixrelay`);
    process.kill(relay.pid, "SIGHUP");
    await relay.logged(/"event":"took_over"/);
    using client = await connectEcho(relay.address);
    await client.ask("hello");
    client[Symbol.dispose]();
    expect(await relay.stop()).toBe(0);
  });

  test.each([
    'import { createRelay, RelayError } from "simpletcpunixrelay";',
    'import { observe, Observation } from "simpletcpunixrelay/observe";',
    'import "simpletcpunixrelay/worker";',
  ])("%s says in one line what is needed", async (statement) => {
    await Bun.write(join(project, "app.mjs"), statement);
    const { code, stderr } = await machines.run("node", project, ["node", "app.mjs"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(new RegExp(`^Error: ${NEEDS_BUN} .*$`, "m"));
  });
});

describe("where no executable is installed", () => {
  let project: string;
  beforeAll(async () => {
    project = await machines.project("foreign");
    const install = ["npm", "install", "--cpu=riscv64", "simpletcpunixrelay"];
    await machines.succeed("node", project, install);
  });

  /** A folder with a program that answers as another one would. */
  async function fake(name: string, says: string): Promise<string> {
    const folder = join(project, `fake-${name}-${Bun.hash(says)}`);
    await writeScript(join(folder, name), `echo '${says}'`);
    return folder;
  }

  async function writeScript(path: string, line: string): Promise<void> {
    await Bun.write(path, `#!/bin/sh\n${line}\n`);
    await chmod(path, 0o755);
  }

  /** What the command says that cannot start. */
  async function refusal(...paths: readonly string[]): Promise<string> {
    return await refusalOf(machines.environment("node", ...paths), project);
  }

  async function refusalOf(env: Record<string, string>, project: string): Promise<string> {
    const { code, stdout, stderr } = await runProgram([join(project, bin), "--version"], { env });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^simpletcpunixrelay: cannot start: .*\n$/);
    return stderr;
  }

  test("the command says in one line how to get it, and exits 1", async () => {
    expect(await refusal()).toContain("npm install --include=optional simpletcpunixrelay");
  });

  test.each(["1.4.4", "1.3.99", "0.9.9", "1.4", "", "canary"])(
    "Bun %p is not enough",
    async (version) => {
      expect(await refusal(await fake("bun", version))).toContain(`@simpletcpunixrelay/${HERE}`);
    },
  );

  test.each(["1.4.5", "1.4.10", "1.5.0", "2.0.0-canary.1"])("Bun %s is", async (version) => {
    const env = machines.environment("node", await fake("bun", version));
    // The fake Bun says its version instead of running anything.
    const { code, stdout } = await runProgram([join(project, bin), "--version"], { env });
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${version}\n` });
  });

  test("without optional packages, Bun has nothing to run", async () => {
    const bare = await machines.project("bare");
    const install = ["npm", "install", "--omit=optional", "simpletcpunixrelay"];
    await machines.succeed("node", bare, install);
    const stderr = await refusalOf(machines.environment("bun"), bare);
    expect(stderr).toContain("npm install --include=optional simpletcpunixrelay");
  });

  test("a system for which there is no executable is named", async () => {
    const stderr = await refusal(await fake("uname", "Linux riscv64"));
    expect(stderr).toContain("there is no executable for Linux riscv64");
  });

  test.each([
    { libc: "glibc", getconf: "echo glibc 2.36", target: "linux-x64" },
    { libc: "musl", getconf: "exit 1", target: "linux-x64-musl" },
  ])("with the packages for both C libraries, $libc has its own", async ({ getconf, target }) => {
    const folder = await machines.project(target);
    const packages = join(folder, "node_modules");
    await cp(machines.main.folder, join(packages, "simpletcpunixrelay"), { recursive: true });
    for (const name of ["linux-x64", "linux-x64-musl"]) {
      const path = join(packages, "@simpletcpunixrelay", name, "bin/simpletcpunixrelay");
      await writeScript(path, `echo ${name}`);
    }
    await writeScript(join(folder, "machine/getconf"), getconf);
    await writeScript(join(folder, "machine/uname"), "echo Linux x86_64");
    const env = machines.environment("node", join(folder, "machine"));
    const launcher = join(packages, "simpletcpunixrelay/bin/simpletcpunixrelay");
    expect(await runProgram([launcher], { env })).toEqual({
      code: 0,
      stdout: `${target}\n`,
      stderr: "",
    });
  });

  test("Bun runs it: handover too, and no file of the working folder", async () => {
    using echo = startEcho();
    const cwd = await machines.project("hostile");
    await Bun.write(join(cwd, "bunfig.toml"), 'preload = ["./preload.ts"]\n');
    await Bun.write(join(cwd, "preload.ts"), 'console.error("preloaded");');
    await Bun.write(join(cwd, ".env"), "BUN_JSC_useJIT=0\n");
    const options = { executable: join(project, bin), env: machines.environment("bun"), cwd };
    await using relay = await startRelay(["--workers=2", "127.0.0.1:0", echo.address], options);
    process.kill(relay.pid, "SIGHUP");
    await relay.logged(/"event":"took_over"/);
    using client = await connectEcho(relay.address);
    await client.ask("hello");
    client[Symbol.dispose]();
    expect(await relay.stop()).toBe(0);
    expect(relay.stderr()).not.toMatch(/preloaded|FFI/);
  });
});

describe("on a machine with only Bun", () => {
  let project: string;
  beforeAll(async () => {
    project = await machines.project("bun");
    await machines.succeed("bun", project, ["bun", "init", "--yes"]);
    await machines.succeed("bun", project, ["bun", "add", "simpletcpunixrelay"]);
    await copyFile(join(import.meta.dir, "npm-app.ts"), join(project, "app.ts"));
  });

  test("bunx starts it, installed or not", async () => {
    const stdout = `simpletcpunixrelay ${packageJson.version}\n`;
    for (const folder of [project, await machines.project("bunx")]) {
      const outcome = await machines.run("bun", folder, [
        "bunx",
        "simpletcpunixrelay",
        "--version",
      ]);
      expect(outcome).toMatchObject({ code: 0, stdout });
    }
  });

  test.each([
    { module: "preserve", moduleResolution: "bundler" },
    { module: "nodenext", moduleResolution: "nodenext" },
  ])("tsc finds no error, in our types neither: $moduleResolution", async (options) => {
    const compilerOptions = {
      ...options,
      ...{ strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false, noEmit: true },
      ...{ target: "esnext", lib: ["esnext"], types: ["bun"] },
    };
    const config = join(project, `tsconfig.${options.moduleResolution}.json`);
    await Bun.write(config, JSON.stringify({ compilerOptions, files: ["app.ts"] }));
    const tsc = [process.execPath, join(modules, "typescript/bin/tsc"), "-p", config];
    expect(await machines.run("bun", project, tsc)).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  // Each starts two worker threads, whose module is a file of its own.
  test.each([
    { way: "installed", build: [], command: ["bun", "app.ts"] },
    {
      way: "bundled",
      build: ["bun", "build", "app.ts", "--target=bun", "--outdir=out"],
      command: ["bun", "out/app.js"],
    },
    {
      way: "bundled, minified, split",
      build: ["bun", "build", "app.ts", "--target=bun", "--minify", "--splitting", "--outdir=min"],
      command: ["bun", "min/app.js"],
    },
    {
      way: "compiled",
      build: ["bun", "build", "app.ts", "--compile", "--outfile=app"],
      command: ["./app"],
    },
  ])("an application relays with two workers: $way", async ({ build, command }) => {
    if (build.length > 0) await machines.succeed("bun", project, build);
    expect(await machines.succeed("bun", project, command)).toBe("relayed\ntrue\n");
  });
});
