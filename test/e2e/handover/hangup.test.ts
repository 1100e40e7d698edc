import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { linkSync, mkdtempSync, readlinkSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { program } from "../../support/machine/parts.ts";
import { executablePath, startRelay } from "../../support/process/executable.ts";
import { InstalledExecutable } from "../../support/process/installed-executable.ts";
import { successorOf } from "../../support/process/successors.ts";
import { runProgram } from "../../support/process/program.ts";
import { connectEcho, type EchoServer, startEcho } from "../../support/sockets/echo.ts";

const INSTALL = 120_000;

let executable: InstalledExecutable;
beforeAll(async () => void (executable = await InstalledExecutable.install()), INSTALL);
afterAll(() => executable[Symbol.dispose]());

let folder: string;
let echo: EchoServer;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "handover-"));
  echo = startEcho();
});
afterEach(() => {
  echo[Symbol.dispose]();
  rmSync(folder, { recursive: true });
});

async function newestProgramOf(relay: { readonly pid: number }): Promise<string> {
  const newest = await successorOf(relay.pid);
  return readlinkSync(`/proc/${newest}/exe`);
}

describe("HUP starts the file that then stands where the program was called", () => {
  test("by a link that leads elsewhere by then", async () => {
    const link = join(folder, "relay");
    symlinkSync(executable.path, link);
    await using relay = await startRelay(["127.0.0.1:0", echo.address], { executable: link });
    const next = join(folder, "next");
    const real = join(folder, "real");
    linkSync(executable.version, real);
    symlinkSync(real, next);
    renameSync(next, link);
    process.kill(relay.pid, "SIGHUP");
    await relay.logged(/"event":"took_over"/);
    expect(await newestProgramOf(relay)).toBe(real);
    expect(await relay.stop()).toBe(0);
  });

  test("by its name alone", async () => {
    const first = join(folder, "relay");
    linkSync(executable.version, first);
    await using relay = await startRelay(["127.0.0.1:0", echo.address], {
      executable: "relay",
      env: { PATH: `${folder}:${process.env["PATH"] ?? ""}` },
      prefix: ["env"],
    });
    process.kill(relay.pid, "SIGHUP");
    await relay.logged(/"event":"took_over"/);
    expect(await newestProgramOf(relay)).toBe(first);
    expect(await relay.stop()).toBe(0);
  });
});

test("without FFI, HUP says that it cannot, and the relay goes on", async () => {
  await using relay = await startRelay(["127.0.0.1:0", echo.address], {
    env: { BUN_JSC_useJIT: "0" },
  });
  process.kill(relay.pid, "SIGHUP");
  await relay.logged(/"event":"handover_failed","reason":"it needs system calls through FFI/);
  using client = await connectEcho(relay.address);
  await client.ask("hello");
  client[Symbol.dispose]();
  expect(await relay.stop()).toBe(0);
});

// A terminal of the relay's own, that goes once the relay listens: then HUP comes from the kernel.
const CLOSE_TERMINAL = `
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
said = b""
while b"listening" not in said:
    said += os.read(terminal, 1000)
os.close(terminal)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;

test.if(await program("python3").present())(
  "a terminal that is closed ends the relay as TERM does",
  async () => {
    const words = [await executablePath(), join(folder, "socket"), echo.address];
    const outcome = await runProgram(["python3", "-c", CLOSE_TERMINAL, ...words], {
      env: { PATH: process.env["PATH"] ?? "" },
    });
    expect(outcome).toEqual({ code: 0, stdout: "0\n", stderr: "" });
  },
);
