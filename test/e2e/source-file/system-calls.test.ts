import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { executablePath, startRelay } from "../../support/process/executable.ts";
import { RawListener, RawSocket } from "../../support/sockets/raw-socket.ts";
import { until } from "../../support/waiting.ts";

const isRoot = process.getuid?.() === 0;

let folder: string;
let trace: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "system-calls-"));
  trace = mkdtempSync(join(tmpdir(), "trace-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
  rmSync(trace, { recursive: true });
});

const at = (name: string) => join(folder, name);

/** strace as a grandchild, so that signals and the exit status are the relay's own. */
function straced(...options: readonly string[]): string[] {
  return ["strace", "-D", "-f", "-s", "4096", "-o", join(trace, "calls"), ...options];
}

/** What strace wrote; it ends after the process. */
async function calls(): Promise<string> {
  const read = () => readFileSync(join(trace, "calls"), "utf8");
  await until(() => /\+\+\+ exited with \d+ \+\+\+\n$/.test(read()), "the end of strace");
  return read();
}

const OWNERSHIP = "chmod,fchmod,fchmodat,?fchmodat2,chown,lchown,fchown,fchownat";

const WITHOUT_FFI = { BUN_JSC_useJIT: "0" };

describe.each([
  ["with FFI", {}],
  ["without FFI", WITHOUT_FFI],
])("mode and owner, %s", (_, env: Record<string, string>) => {
  test("are set by no call that names a path in the source's folder", async () => {
    const owner = isRoot ? ["--owner=65534", "--group=65534"] : [];
    const args = ["--mode=0640", ...owner, `--admin=${at("admin")}`, at("socket"), "127.0.0.1:9"];
    const prefix = straced("-e", `trace=${OWNERSHIP}`);
    await using relay = await startRelay(args, { prefix, env });
    for (const [name, mode] of [
      ["socket", 0o640],
      ["admin", 0o660],
    ] as const)
      expect(lstatSync(at(name)).mode & 0o777).toBe(mode);
    if (isRoot) expect(lstatSync(at("socket"))).toMatchObject({ uid: 65_534, gid: 65_534 });
    expect(await relay.stop()).toBe(0);
    const changes = (await calls()).split("\n").filter((line) => /ch(mod|own)/.test(line));
    // Of the source and of the admin socket, each by its descriptor.
    expect(changes.length).toBeGreaterThanOrEqual(isRoot ? 3 : 2);
    for (const change of changes) expect(change).toMatch(/"\/proc\/self\/fd\/\d+", /);
    expect(readdirSync(folder)).toEqual([]);
  });
});

// linux/fs.h
const RENAME_EXCHANGE = 2;

/** Whether a process is at the entry of renameat2(2) that exchanges two names (proc(5)). */
function isExchanging(pid: number): boolean {
  const call = readFileSync(`/proc/${pid}/syscall`, "utf8").split(" ");
  // Its number on x86-64, and on arm64.
  return ["316", "276"].includes(call[0] ?? "") && Number(call[5]) === RENAME_EXCHANGE;
}

function leaveStaleSocket(): void {
  new RawListener({ kind: "unix", path: at("socket") }).close();
}

async function isServed(): Promise<boolean> {
  using client = await RawSocket.connect({ kind: "unix", path: at("socket") });
  return client.isOpen;
}

describe("a stale socket", () => {
  test("that somebody replaces at the last moment is found out, and what came is put back", async () => {
    leaveStaleSocket();
    const inject = "inject=renameat2:delay_enter=2000000:when=2";
    const child = Bun.spawn(
      [
        ...straced("-e", "trace=renameat2", "-e", inject),
        ...[await executablePath(), at("socket"), "127.0.0.1:9"],
      ],
      { stderr: "pipe" },
    );
    try {
      const stderr = new Response(child.stderr).text();
      await until(() => isExchanging(child.pid), "the exchange");
      writeFileSync(at("new"), "precious");
      renameSync(at("new"), at("socket"));
      const { ino } = lstatSync(at("socket"));
      expect(await child.exited).toBe(1);
      expect(await stderr).toContain("another file was put there meanwhile");
      expect(readdirSync(folder)).toEqual(["socket"]);
      expect(lstatSync(at("socket")).ino).toBe(ino);
      expect(readFileSync(at("socket"), "utf8")).toBe("precious");
    } finally {
      child.kill("SIGKILL");
    }
  });

  test.each([
    ["that can neither exchange names nor keep one", "inject=renameat2:error=EINVAL"],
    ["without that call", "inject=renameat2:error=ENOSYS"],
    ["without locks", "inject=flock:error=ENOLCK"],
  ])("is replaced on a file system %s", async (_, inject) => {
    leaveStaleSocket();
    const prefix = straced("-e", "trace=renameat2,flock", "-e", inject);
    await using relay = await startRelay([at("socket"), "127.0.0.1:9"], { prefix });
    expect(await isServed()).toBe(true);
    expect(readdirSync(folder)).toEqual(["socket"]);
    expect(await relay.stop()).toBe(0);
    expect(await calls()).toContain("(INJECTED)");
    expect(readdirSync(folder)).toEqual([]);
  });
});
