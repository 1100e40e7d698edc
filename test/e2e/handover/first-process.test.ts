import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { startRelay } from "../../support/process/executable.ts";
import { InstalledExecutable } from "../../support/process/installed-executable.ts";
import { childrenOf, cpuSeconds, openDescriptors } from "../../support/process/proc.ts";
import { describeNeeding, program, root } from "../../support/machine/parts.ts";
import { successorOf } from "../../support/process/successors.ts";
import { runProgram } from "../../support/process/program.ts";
import { DatagramReceiver } from "../../support/sockets/datagram-receiver.ts";
import { connectEcho, startEcho } from "../../support/sockets/echo.ts";
import { folderForTests } from "../../support/temporary-folder.ts";
import { until } from "../../support/waiting.ts";

const INSTALL = 120_000;
const HANDOVERS = 10;

const folder = folderForTests("first-process");

let executable: InstalledExecutable;
beforeAll(async () => void (executable = await InstalledExecutable.install()), INSTALL);
afterAll(() => executable[Symbol.dispose]());

/** The state of a process (proc(5)); "gone" if there is none. */
function stateOf(pid: number): string {
  try {
    return /^State:\t(.)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "";
  } catch {
    return "gone";
  }
}

/** The number of messages that begin with a text. */
function count(messages: readonly string[], text: string): number {
  return messages.filter((message) => message.startsWith(text)).length;
}

const needs = [root, program("unshare"), program("nsenter")];

await describeNeeding("as the first process of a container", needs, () => {
  test(`${HANDOVERS} handovers, orphans of others, TERM: no zombie, exit 0`, async () => {
    using echo = startEcho();
    await using relay = await startRelay(["127.0.0.1:0", echo.address], {
      executable: executable.path,
      prefix: ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"],
    });
    const [init = 0] = childrenOf(relay.pid);
    using held = await connectEcho(relay.address);
    await held.ask("held");
    for (let handover = 1; handover <= HANDOVERS; handover += 1) {
      executable.upgrade();
      process.kill(init, "SIGHUP");
      await until(
        () => relay.stderr().split('"event":"took_over"').length - 1 === handover,
        () => relay.stderr(),
      );
      // An orphan of somebody who entered the container, as `docker exec` does.
      const orphan = "sh -c 'exit 3' & sh -c 'kill -9 $$' & exit 0";
      await runProgram(["nsenter", "--target", String(init), "--pid", "sh", "-c", orphan], {
        env: { PATH: process.env["PATH"] ?? "" },
      });
    }
    const states = () => childrenOf(init).map(stateOf);
    await until(
      () => /^[RSD]$/.test(states().join()),
      () => `all orphans to be reaped, of ${states().join()}`,
    );
    await held.ask("still");
    held[Symbol.dispose]();
    process.kill(init, "SIGTERM");
    expect(await relay.exited).toBe(0);
    await relay.logEnded;
    expect(relay.stderr().match(/"event":"stopped"/g)).toHaveLength(HANDOVERS + 1);
  });

  test("with a service manager: no handover moves the main process, each says ready", async () => {
    using manager = new DatagramReceiver(join(folder, "notify"));
    using echo = startEcho();
    await using relay = await startRelay(["127.0.0.1:0", echo.address], {
      executable: executable.path,
      env: { NOTIFY_SOCKET: manager.path },
      prefix: ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"],
    });
    const [init = 0] = childrenOf(relay.pid);
    const messages: string[] = [];
    for (let ready = 1; ready <= 3; ready += 1) {
      if (ready > 1) process.kill(init, "SIGHUP");
      await until(
        () => messages.push(...manager.receive()) >= ready && count(messages, "READY=1") === ready,
        () => `${ready} times READY=1, of ${messages.join()}; ${relay.stderr()}`,
      );
    }
    expect(count(messages, "MAINPID=")).toBe(0);
    process.kill(init, "SIGTERM");
    expect(await relay.exited).toBe(0);
  });
});

test("the first process says at once that the newest was killed, and ends with its status", async () => {
  using echo = startEcho();
  await using relay = await startRelay(["127.0.0.1:0", echo.address], {
    executable: executable.path,
  });
  using held = await connectEcho(relay.address);
  await held.ask("held");
  process.kill(relay.pid, "SIGHUP");
  await relay.logged(/"event":"took_over"/);
  const newest = await successorOf(relay.pid);
  process.kill(newest, "SIGKILL");
  await relay.logged(
    new RegExp(
      `"level":"error".*process ${newest} was killed by SIGKILL: nobody can connect .*its 1 connection"`,
    ),
  );
  held[Symbol.dispose]();
  expect(await relay.exited).toBe(128 + constants.signals.SIGKILL);
});

test("a parent without connections has next to no descriptors and takes no processor time", async () => {
  using echo = startEcho();
  await using relay = await startRelay(["--workers=3", "127.0.0.1:0", echo.address], {
    executable: executable.path,
  });
  process.kill(relay.pid, "SIGHUP");
  await relay.logged(/"event":"took_over"/);
  await relay.logged(/handed over to process \d+; this process stays, and passes signals on to it/);
  await relay.logged(/"cause":"handed over"/);
  // Standard input, output and error, the event loop's, and the channel.
  await until(
    () => openDescriptors(relay.pid) < 12,
    () => `${openDescriptors(relay.pid)} to close`,
  );
  const before = cpuSeconds(relay.pid);
  // Nothing to wait for: that nothing happens for so long is the point.
  await Bun.sleep(3_000);
  expect(cpuSeconds(relay.pid) - before).toBeLessThan(0.06);
  expect(await relay.stop()).toBe(0);
});
