import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NAMED_COMMANDS } from "../../src/options/commands.ts";
import { executablePath, runRelay, startRelay, turnedAway } from "../support/process/executable.ts";

let folder: string;
const listeners: { stop(force: boolean): void }[] = [];
let busyPort: number;

const nothing = { socket: { data() {} } };

// Only root can become somebody whom permissions hold; that one must get at the executable.
const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"];
const nobodyMayRun =
  process.getuid?.() === 0 &&
  Bun.spawnSync([...nobody, "test", "-x", await executablePath()]).exitCode === 0;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "bad-input-"));
  const at = (name: string) => join(folder, name);
  writeFileSync(at("file"), "precious");
  mkdirSync(at("folder"));
  writeFileSync(at("folder/inside"), "precious");
  symlinkSync("file", at("link"));
  symlinkSync("nowhere", at("dangling"));
  Bun.spawnSync(["mkfifo", at("fifo")]);
  chmodSync(folder, 0o711);
  mkdirSync(at("theirs"));
  if (nobodyMayRun) chownSync(at("theirs"), 65534, 65534);
  listeners.push(Bun.listen({ unix: at("live"), ...nothing }));
  const busy = Bun.listen({ hostname: "127.0.0.1", port: 0, ...nothing });
  listeners.push(busy);
  busyPort = busy.port;
  listeners.push(Bun.listen({ unix: "\0bad-input-" + busyPort, ...nothing }));
});

afterAll(() => {
  for (const listener of listeners) listener.stop(true);
  rmSync(folder, { recursive: true });
});

/** Everything below the folder as `lstat` sees it: what a refusal must leave as it was. */
function everything(): string[] {
  const names = [".", ...readdirSync(folder, { recursive: true, encoding: "utf8" }).toSorted()];
  return names.map((name) => {
    const { ino, mode, uid, gid, size, mtimeNs } = lstatSync(join(folder, name), { bigint: true });
    return [name, ino, mode, uid, gid, size, mtimeNs].join(" ");
  });
}

/** Runs in the folder; checks that the folder is the same afterwards. */
async function refused(args: readonly string[], prefix: readonly string[] = []) {
  const before = everything();
  const run = await runRelay(args, { cwd: folder, prefix });
  expect(everything()).toEqual(before);
  expect(run.stdout).toBe("");
  return run;
}

const long = "a".repeat(108);

describe("wrong usage: status 64, what is wrong on one line, and where help is", () => {
  test.each<[args: string[], message: string]>([
    // Words.
    [[], "SOURCE and DESTINATION are missing"],
    [["./new"], "DESTINATION is missing"],
    [["--mode=0660", "./new"], "DESTINATION is missing"],
    [["./new", ":1", ":2"], '":2" is one argument too many'],
    [["new", ":1"], '"new" is neither a command (check, completions, demo'],
    [["8080", ":1"], 'SOURCE "8080": a port alone; write :8080 or 127.0.0.1:8080'],
    [["demo", "./new", ":1"], '"./new" is one argument too many for demo'],
    [["check"], "FILE is missing"],
    [["status"], "ADMIN-ADDRESS is missing"],
    [["units"], "SOURCE and DESTINATION are missing"],
    [["units", "--servce=x", "./new", ":1"], 'no option "--servce"; did you mean --service?'],
    [["help", "unit"], '"unit" is not a command (relay, check'],
    [["statsu", "./new"], '"statsu" is not a command; did you mean status?'],
    [["127.0.0.1", "@x"], 'SOURCE "127.0.0.1": the port is missing; write 127.0.0.1:PORT'],
    [["--mode", "./new", ":1"], 'DESTINATION is missing: --mode took "./new" as its value'],
    // Options.
    [["--mod=0660", "./new", ":1"], 'no option "--mod"; did you mean --mode?'],
    [["--Mode=0660", "./new", ":1"], 'no option "--Mode"; did you mean --mode?'],
    [["-mode=0660", "./new", ":1"], 'no option "-mode"; did you mean --mode?'],
    [["--fork", "./new", ":1"], 'no option "--fork"'],
    [["-v", "./new", ":1"], 'no option "-v"'],
    [["./new", ":1", "--no-keepalive"], 'no option "--no-keepalive"; did you mean --keepalive?'],
    [["--mode=0660", "--mode=0600", "./new", ":1"], "--mode is given more than once"],
    [["--owner=0", "./new", ":1", "--owner", "0"], "--owner is given more than once"],
    [["--mode=", "./new", ":1"], "--mode lacks its value"],
    [["./new", ":1", "--group"], "--group lacks its value"],
    [["--mode", "--", "./new", ":1"], "--mode lacks its value"],
    [["--owner", "--group=0", "./new", ":1"], "--owner lacks its value"],
    [["--help=please"], "--help takes no value"],
    [["--hold", "./new", ":1"], "--hold is not an option of a relay"],
    [["demo", "--mode=0660"], "--mode is not an option of demo"],
    // Values.
    [["--mode=0999", "./new", ":1"], '--mode: "0999" is not a mode'],
    [["--mode=1777", "./new", ":1"], '--mode: "1777" is not a mode'],
    [["--mode=rw", "./new", ":1"], '--mode: "rw" is not a mode'],
    [["--owner=no-such-user", "./new", ":1"], 'this system knows no user "no-such-user"'],
    [["--group=no-such-group", "./new", ":1"], 'this system knows no group "no-such-group"'],
    [["--owner=4294967295", "./new", ":1"], "--owner: 4294967295 is not a user id"],
    [["--connect-timeout=0", "./new", ":1"], '--connect-timeout: "0" is too short'],
    [["--connect-timeout=5m", "./new", ":1"], '--connect-timeout: "5m" is not a time'],
    [["--connect-timeout=-5", "./new", ":1"], '--connect-timeout: "-5" is not a time'],
    [["--keepalive=10ms", "./new", ":1"], '--keepalive: "10ms" is too short'],
    [["--drain-timeout=forever", "./new", ":1"], '--drain-timeout: "forever" is not a time'],
    [["--drain-timeout=1000h", "./new", ":1"], '--drain-timeout: "1000h" is too long'],
    [["--log-level=loud", "./new", ":1"], '--log-level: "loud" is not one of debug, info'],
    [["--log-format=xml", "./new", ":1"], '--log-format: "xml" is not one of auto, pretty'],
    // Options that this kind of source would ignore.
    [["--mode=0660", "127.0.0.1:0", ":1"], "--mode makes sense only if SOURCE is a Unix"],
    [["--owner=0", "127.0.0.1:0", ":1"], "--owner makes sense only if SOURCE is a Unix"],
    [["--group=0", "@new", ":1"], "--group makes sense only if SOURCE is a Unix"],
    // Addresses.
    [["", ":1"], 'SOURCE ""'],
    [["./new", ""], 'DESTINATION ""'],
    [["./new", "1"], 'DESTINATION "1": a port alone; write :1 or 127.0.0.1:1'],
    [["--", "new", ":1"], 'SOURCE "new": neither a path'],
    [["./new/", ":1"], 'SOURCE "./new/"'],
    [["@", ":1"], 'SOURCE "@"'],
    [["unix:", ":1"], 'SOURCE "unix:"'],
    [[`/${long}`, ":1"], "109 bytes are too long for a Unix socket's name (at most 108)"],
    [["./new", `./${long}`], "110 bytes are too long"],
    [["./new", ":0"], "port 0 is not within 1 to 65535"],
    [[":65536", "./new"], "port 65536 is not within 0 to 65535"],
    [["./new", "localhost:"], 'DESTINATION "localhost:": the port is missing'],
    [["./new", ":no-such-service"], '"no-such-service" is not a port number or a service name'],
    [["./new", ":-1"], 'DESTINATION ":-1"'],
    [["./new", "::1:80"], "an IPv6 address goes in brackets"],
    [["./new", "[::g]:80"], 'DESTINATION "[::g]:80"'],
    [["./new", "256.0.0.1:80"], 'DESTINATION "256.0.0.1:80"'],
    [["TCP:localhost:80", "./new"], "write tcp: in small letters"],
    [["./new", "http://localhost:80"], 'DESTINATION "http://localhost:80"'],
    [["./new", "./x\u001b[31m\n/"], 'DESTINATION "./x\\u001b[31m\\n/"'],
    // Both the same.
    [["./new", "./new"], "DESTINATION is SOURCE"],
    [["./new", "folder/../new"], "DESTINATION is SOURCE"],
    [["@new", "unix:@new"], "DESTINATION is SOURCE"],
    [[":9", "127.0.0.1:9"], "DESTINATION is SOURCE"],
  ])("%j", async (args, message) => {
    const { code, stderr } = await refused(args);
    const [first = "", second = "", ...rest] = stderr.split("\n");
    expect(first).toStartWith("simpletcpunixrelay: ");
    expect(first).toContain(message);
    const command = NAMED_COMMANDS.find((name) => name === args[0]);
    expect(second).toBe(`Try: simpletcpunixrelay${command ? ` ${command}` : ""} --help`);
    expect(rest).toEqual([""]);
    expect(code).toBe(64);
  });
});

describe("a source that cannot be had: status 1, and one line with the address and the reason", () => {
  test.each([
    ["a live socket", "./live", "another program serves that socket"],
    ["a file", "./file", "not a socket"],
    ["a folder", "./folder", "a folder is there; choose a path in it, such as ./folder/socket"],
    ["a link to a file", "./link", "not a socket"],
    ["a link to nothing", "./dangling", "not a socket"],
    ["a named pipe", "./fifo", "not a socket"],
    ["a path in a folder that is not there", "./missing/new", "ENOENT"],
    ["a path below a file", "./file/new", "ENOTDIR"],
    ["an address of another machine", "192.0.2.1:0", "EADDRNOTAVAIL"],
    ["an IPv6 address of another machine", "[2001:db8::1]:0", "EADDRNOTAVAIL"],
  ])("%s", async (_, source, reason) => {
    const { code, stderr } = await refused([source, "127.0.0.1:9"]);
    expect(stderr).toMatch(/^\S+Z error cannot listen on [^\n]+\n$/);
    expect(stderr).toContain(`cannot listen on ${source}: `);
    expect(stderr).toContain(reason);
    expect(code).toBe(1);
  });

  test("a port that is taken", async () => {
    const { code, stderr } = await refused([`127.0.0.1:${busyPort}`, "./live"]);
    expect(stderr).toMatch(/^\S+Z error cannot listen on 127\.0\.0\.1:\d+: .*EADDRINUSE[^\n]*\n$/);
    expect(code).toBe(1);
  });

  test("an abstract socket that is taken", async () => {
    const { code, stderr } = await refused([`@bad-input-${busyPort}`, "127.0.0.1:9"]);
    expect(stderr).toMatch(/^\S+Z error cannot listen on @bad-input-\d+: [^\n]+\n$/);
    expect(code).toBe(1);
  });

  describe.if(nobodyMayRun)("for want of permission", () => {
    test("to make the file", async () => {
      const { code, stderr } = await refused(["./folder/new", "127.0.0.1:9"], nobody);
      expect(stderr).toContain("cannot listen on ./folder/new: permission denied (EACCES)");
      expect(code).toBe(1);
    });

    test("to give the file away", async () => {
      // That shows only once there is a file; it must be gone again.
      const args = ["--owner=root", "./theirs/new", "127.0.0.1:9"];
      const { code, stderr } = await runRelay(args, { cwd: folder, prefix: nobody });
      expect(readdirSync(join(folder, "theirs"))).toEqual([]);
      expect(stderr).toMatch(/^\S+Z error cannot [^\n]*\.\/theirs\/new: [^\n]*\(EPERM\)[^\n]*\n$/);
      expect(code).toBe(1);
    });
  });
});

describe("what is no refusal", () => {
  test("a stale socket is replaced", async () => {
    const path = join(folder, "folder/stale");
    const script = `Bun.listen({ unix: ${JSON.stringify(path)}, socket: { data() {} } }); process.exit()`;
    await Bun.spawn([process.execPath, "-e", script]).exited;
    const stale = lstatSync(path);
    expect(stale.isSocket()).toBe(true);
    {
      await using relay = await startRelay([path, "127.0.0.1:9"]);
      expect(relay.address).toBe(path);
      expect(lstatSync(path).isSocket()).toBe(true);
      expect(lstatSync(path).ino).not.toBe(stale.ino);
      expect(await relay.stop()).toBe(0);
    }
    expect(lstatSync(path, { throwIfNoEntry: false })).toBeUndefined();
  });

  test("a destination that is not there is for the clients to find out", async () => {
    await using relay = await startRelay(["127.0.0.1:0", join(folder, "missing")]);
    const port = Number(relay.address.split(":").at(-1));
    await turnedAway({ hostname: "127.0.0.1", port });
    await relay.logged(/"event":"unreachable".*"code":"ENOENT"/);
    expect(await relay.stop()).toBe(0);
  });
});
