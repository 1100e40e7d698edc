import { describe, expect, test } from "bun:test";
import { linkSync, readlinkSync, renameSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { program } from "../../support/machine/parts.ts";
import { executablePath, startRelay } from "../../support/process/executable.ts";
import { successorOf } from "../../support/process/successors.ts";
import { runProgram } from "../../support/process/program.ts";
import { connectEcho } from "../../support/sockets/echo.ts";
import { handoverBench } from "./handover-bench.ts";

const bench = handoverBench();

async function newestProgramOf(relay: { readonly pid: number }): Promise<string> {
  const newest = await successorOf(relay.pid);
  return readlinkSync(`/proc/${newest}/exe`);
}

describe("HUP starts the file that then stands where the program was called", () => {
  test("by a link that leads elsewhere by then", async () => {
    const link = join(bench.folder, "relay");
    symlinkSync(bench.executable.path, link);
    await using relay = await startRelay(["127.0.0.1:0", bench.echo.address], { executable: link });
    const next = join(bench.folder, "next");
    const real = join(bench.folder, "real");
    linkSync(bench.executable.version, real);
    symlinkSync(real, next);
    renameSync(next, link);
    process.kill(relay.pid, "SIGHUP");
    await relay.logged(/"event":"took_over"/);
    expect(await newestProgramOf(relay)).toBe(real);
    expect(await relay.stop()).toBe(0);
  });

  test("by its name alone", async () => {
    const first = join(bench.folder, "relay");
    linkSync(bench.executable.version, first);
    await using relay = await startRelay(["127.0.0.1:0", bench.echo.address], {
      executable: "relay",
      env: { PATH: `${bench.folder}:${process.env["PATH"] ?? ""}` },
      prefix: ["env"],
    });
    process.kill(relay.pid, "SIGHUP");
    await relay.logged(/"event":"took_over"/);
    expect(await newestProgramOf(relay)).toBe(first);
    expect(await relay.stop()).toBe(0);
  });
});

test("without FFI, HUP says that it cannot, and the relay goes on", async () => {
  await using relay = await startRelay(["127.0.0.1:0", bench.echo.address], {
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
    const words = [await executablePath(), join(bench.folder, "socket"), bench.echo.address];
    const outcome = await runProgram(["python3", "-c", CLOSE_TERMINAL, ...words], {
      env: { PATH: process.env["PATH"] ?? "" },
    });
    expect(outcome).toEqual({ code: 0, stdout: "0\n", stderr: "" });
  },
);
