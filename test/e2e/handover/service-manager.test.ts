import { beforeEach, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { startRelay } from "../../support/process/executable.ts";
import { entriesOf } from "../../support/process/log-entries.ts";
import { DatagramReceiver } from "../../support/sockets/datagram-receiver.ts";
import { connectEcho } from "../../support/sockets/echo.ts";
import { handoverBench } from "./handover-bench.ts";

// A process that is not the first of its namespace tells the service manager who is the main
// process. The tests under a booted systemd are in e2e/systemd.

const bench = handoverBench();
beforeEach(() => bench.executable.upgrade());

test("a manager that cannot be told: the old process goes on, and one line says why", async () => {
  const path = join(bench.folder, "notify");
  const manager = new DatagramReceiver(path);
  await using relay = await startRelay([join(bench.folder, "socket"), bench.echo.address], {
    ...{ executable: bench.executable.path, env: { NOTIFY_SOCKET: path } },
  });
  manager[Symbol.dispose]();
  rmSync(path);
  process.kill(relay.pid, "SIGHUP");
  await relay.logged(/"event":"handover_failed".*the service manager cannot be told/);
  using client = await connectEcho(relay.address);
  await client.ask("hello");
  client[Symbol.dispose]();
  // This also waits for the end of the new process, which is no child of the old one any more.
  expect(await relay.stop()).toBe(0);
  const errors = entriesOf(relay.stderr()).filter(({ level }) => level === "error");
  expect(errors.map(({ event }) => event)).toEqual(["handover_failed"]);
});
