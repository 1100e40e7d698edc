import { beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, chownSync, lstatSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { executablePath, runRelay, startRelay } from "../../support/process/executable.ts";
import { startProgram } from "../../support/process/program.ts";
import { RawListener } from "../../support/sockets/raw-socket.ts";
import { until } from "../../support/waiting.ts";
import { folderForEachTest } from "../../support/temporary-folder.ts";

const PATH = process.env["PATH"] ?? "/usr/bin:/bin";

const NOBODY = 65_534;
const asNobody = ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", "--"];
const isRoot = process.getuid?.() === 0;
// Only root can become somebody else; that one must get at the executable.
const nobodyMayRun =
  isRoot && Bun.spawnSync([...asNobody, "test", "-x", await executablePath()]).exitCode === 0;

let folder: string;
folderForEachTest("others", (path) => void (folder = path));
beforeEach(() => {
  chmodSync(folder, 0o755);
});

const at = (name: string) => join(folder, name);

function leaveStaleSocket(mode: number): void {
  new RawListener({ kind: "unix", path: at("socket") }).close();
  chmodSync(at("socket"), mode);
}

/** Starts a relay on a path that it must not get; gives its one line. */
async function refused(prefix: readonly string[] = []): Promise<string> {
  const before = lstatSync(at("socket"), { bigint: true });
  const { code, stderr } = await runRelay([at("socket"), "127.0.0.1:9"], { prefix });
  expect(code).toBe(1);
  expect(lstatSync(at("socket"), { bigint: true })).toEqual(before);
  expect(readdirSync(folder)).toEqual(["socket"]);
  expect(stderr).toMatch(/^[^\n]+\n$/);
  return stderr;
}

describe("a start needs no lock that is held by", () => {
  async function startWhileLocked(path: string, prefix: readonly string[]): Promise<void> {
    leaveStaleSocket(0o600);
    const hold = `exec flock --shared ${path} sh -c 'echo held; exec cat'`;
    const holder = startProgram([...prefix, "sh", "-c", hold], { PATH });
    try {
      expect(await holder.line()).toBe("held");
      await using relay = await startRelay([at("socket"), "127.0.0.1:9"]);
      expect(await relay.stop()).toBe(0);
    } finally {
      await holder.finish();
    }
  }

  test.if(isRoot)("somebody who may only read the folder", async () => {
    await startWhileLocked(folder, asNobody);
  });

  test("a relay of the same user that does not get on", async () => {
    const privateFolder = at(`.socket.relay-${process.geteuid?.() ?? 0}`);
    mkdirSync(privateFolder, { mode: 0o700 });
    await startWhileLocked(privateFolder, []);
  });
});

describe("a server that accepts one client and no other", () => {
  const namespaces: [where: string, prefix: string[]][] = [["of this network namespace", []]];
  // The kernel tells of sockets of one namespace only; the file may be another's.
  if (isRoot) namespaces.push(["of another network namespace", ["unshare", "--net"]]);

  test.each(namespaces)("%s keeps its socket and its client", async (_, prefix) => {
    const server = startProgram([...prefix, "nc", "-lU", at("socket")], { PATH });
    await until(() => readdirSync(folder).length > 0, "the server's socket");
    try {
      for (let starts = 0; starts < 3; starts += 1)
        expect(await refused()).toContain("another program serves that socket");
      const client = startProgram(["nc", "-NU", at("socket")], { PATH });
      await client.say("hello");
      expect(await server.line()).toBe("hello");
      await client.finish();
    } finally {
      await server.finish();
    }
  });
});

describe.if(nobodyMayRun)("a stale socket of another user", () => {
  beforeEach(() => chownSync(folder, NOBODY, NOBODY));

  test("that may not be written to: what is known is said, and what is not", async () => {
    leaveStaleSocket(0o600);
    const line = await refused(asNobody);
    expect(line).toContain("whether it is in use: permission denied (EACCES)");
    expect(line).toContain("if it is not, remove it");
    expect(line).not.toContain("another program serves");
  });

  test("that may be written to and not be replaced", async () => {
    chownSync(folder, 0, 0);
    chmodSync(folder, 0o1777);
    leaveStaleSocket(0o666);
    expect(await refused(asNobody)).toContain(
      "the stale socket there cannot be replaced: operation not permitted (EPERM); remove it",
    );
  });

  test("is replaced in one's own folder", async () => {
    leaveStaleSocket(0o666);
    await using relay = await startRelay([at("socket"), "127.0.0.1:9"], { prefix: asNobody });
    expect(lstatSync(at("socket")).uid).toBe(NOBODY);
    expect(await relay.stop()).toBe(0);
    expect(readdirSync(folder)).toEqual([]);
  });
});

test("without FFI a link on the path is followed as well", async () => {
  mkdirSync(at("real"));
  symlinkSync("real", at("link"));
  const options = { env: { BUN_JSC_useJIT: "0" } };
  await using relay = await startRelay([join(at("link"), "socket"), "127.0.0.1:9"], options);
  expect(readdirSync(at("real"))).toEqual(["socket"]);
  expect(await relay.stop()).toBe(0);
  expect(readdirSync(at("real"))).toEqual([]);
});

test("without FFI an abstract name of 107 bytes is one too long, and the line says so", async () => {
  const args = [`@${"a".repeat(107)}`, "127.0.0.1:9"];
  const { code, stderr } = await runRelay(args, { env: { BUN_JSC_useJIT: "0" } });
  expect(code).toBe(1);
  expect(stderr).toContain(
    "invalid argument (EINVAL); without FFI an abstract name has at most 106",
  );
});

// A unit with PrivateUsers=yes and no root of its own.
const USER = 12_345;
const inNamespace = [
  ...["setpriv", `--reuid=${USER}`, `--regid=${USER}`, "--clear-groups", "--"],
  ...["unshare", "--user", "--map-current-user"],
];
const hasNamespaces = nobodyMayRun && Bun.spawnSync([...inNamespace, "true"]).exitCode === 0;

describe.if(hasNamespaces)("in a user namespace where root looks like nobody", () => {
  test("a link of root's is followed", async () => {
    mkdirSync(at("real"));
    chownSync(at("real"), USER, USER);
    symlinkSync("real", at("link"));
    const args = [join(at("link"), "socket"), "127.0.0.1:9"];
    await using relay = await startRelay(args, { prefix: inNamespace });
    expect(await relay.stop()).toBe(0);
  });
});

describe("a name that is not UTF-8 is refused: another file would be meant", () => {
  // Program arguments of JavaScript are UTF-8; a shell makes others.
  const run = (args: string) =>
    runRelay([], {
      cwd: folder,
      prefix: ["sh", "-c", `exec "$0" ${args.replaceAll("BYTE", "$(printf '\\377')")}`],
    });

  test.each([
    ["SOURCE", `"./BYTE" 127.0.0.1:9`],
    ["SOURCE", `"@caf-BYTE" 127.0.0.1:9`],
    ["DESTINATION", `127.0.0.1:0 "./BYTE"`],
    ["DESTINATION", `127.0.0.1:0 "unix:BYTE"`],
    ["--admin", `"--admin=./BYTE" 127.0.0.1:0 127.0.0.1:9`],
    ["--capture", `"--capture=./BYTE" 127.0.0.1:0 127.0.0.1:9`],
    ["--source-netns", `"--source-netns=/run/BYTE" 127.0.0.1:0 127.0.0.1:9`],
    ["--config", `--config "BYTE.toml"`],
    ["--output", `units "--output=./BYTE" /run/x/s 127.0.0.1:9`],
    ["FILE", `check "BYTE.toml"`],
    ["ADMIN-ADDRESS", `status "./BYTE"`],
  ])("as %s: %s", async (word, args) => {
    const { code, stderr } = await run(args);
    expect(stderr).toContain(word);
    expect(stderr).toContain("not valid UTF-8");
    expect(code).toBe(64);
    expect(readdirSync(folder)).toEqual([]);
  });
});
