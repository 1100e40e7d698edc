import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RelayError } from "../../src/index.ts";
import { loaded } from "../../src/os/libc.ts";
import { startPooledRelay } from "../../src/workers/pooled-relay.ts";
import { WorkerPool } from "../../src/workers/worker-pool.ts";
import { Payload } from "../support/sockets/payload.ts";
import { puppetPool } from "../support/threads/puppets.ts";
import { descriptorsOf, socketDescriptors } from "../support/process/proc.ts";
import { turn, until } from "../support/waiting.ts";
import {
  addressOf,
  Bench,
  endBenches,
  type Ends,
  expectWhole,
  WORKERS,
} from "../support/threads/workers-bench.ts";

afterEach(endBenches);

describe("a worker that dies", () => {
  test.each([
    { kind: "throw", why: "a bug" },
    { kind: "reject", why: "a bug" },
    { kind: "exit", why: "exit status 3" },
  ] as const)("by $kind takes its own connections and no others", async ({ kind, why }) => {
    const bench = await Bench.start();
    const ends = await bench.openMany(30);
    const addresses = ends.map(({ client }) => addressOf(client));
    await until(() => bench.events.opened.length === 30, "all to be told of");
    bench.puppets.perform({ kind, worker: 1, message: "a bug" });
    await until(() => bench.events.closed.length > 0, "its connections to end");
    await until(() => bench.events.faults.length > 0, "the fault to be told");
    const lost = bench.events.closed.length;
    expect(bench.events.faults).toEqual([
      `worker 2 ended (${why}): ${lost} connection${lost === 1 ? " is" : "s are"} lost, another takes its place`,
    ]);
    expect(new Set(bench.events.closed.map(({ ending }) => ending))).toEqual(new Set(["fault"]));
    expect(bench.relay.connections).toBe(30 - lost);
    const lostClients = new Set(bench.events.closed.map(({ view }) => view.clientAddress));
    for (const [index, { client, destination }] of ends.entries()) {
      if (lostClients.has(addresses[index] ?? "")) {
        expect((await client.readToEnd()).ending).toBe("ECONNRESET");
        expect((await destination.readToEnd()).ending).toBe("ECONNRESET");
      } else {
        await expectWhole({ client, destination });
      }
    }
    for (const others of await bench.openMany(6)) await expectWhole(others);
    await until(() => bench.relay.connections === 0, "all to be over");
  });

  test("leaves no descriptor, be it of connections that carried much", async () => {
    const open = () =>
      descriptorsOf("self", "socket").length + descriptorsOf("self", "pipe").length;
    const before = open();
    const bench = await Bench.start();
    const much = new Payload(2 * 1024 * 1024);
    const carry = async ({ client, destination }: Ends) => {
      const sending = client.send(much);
      expect(await destination.read(much.length)).toEqual(much.received());
      await sending;
    };
    for (let worker = 0; worker < WORKERS; worker += 1) {
      const ends = await bench.openMany(WORKERS);
      await Promise.all(ends.map(carry));
      bench.puppets.perform({ kind: "throw", worker, message: "a bug" });
      await until(() => bench.events.faults.length > worker, "the worker to die");
      for (const { client, destination } of ends) {
        client.close();
        destination.close();
      }
      await expectWhole(await bench.open());
      await until(() => bench.relay.connections === 0, "all to be over");
    }
    await bench.relay.stop();
    bench.listener.close();
    await until(
      () => open() === before,
      () => `${before} descriptors; ${open()} are open`,
    );
  });

  test("is replaced by one with the same places", async () => {
    const bench = await Bench.start({ connectionsMax: WORKERS });
    bench.puppets.perform({ kind: "throw", worker: 2, message: "a bug" });
    await until(() => bench.events.faults.length > 0, "the fault to be told");
    const ends = await bench.openMany(WORKERS);
    await until(() => bench.events.full.length > 0, "the relay to be full");
    expect(bench.relay.connections).toBe(WORKERS);
    for (const { client, destination } of ends) await expectWhole({ client, destination });
  });

  test("is replaced by one that accepts nobody while the relay is suspended", async () => {
    const pool = puppetPool(WORKERS);
    const bench = await Bench.start({}, WORKERS, pool);
    expect(await bench.relay.suspend()).toBe(0);
    bench.puppets.perform({ kind: "throw", worker: 1, message: "a bug" });
    await until(() => bench.events.faults.length > 0, "the fault");
    await until(() => pool.running === WORKERS, "the worker that takes its place");
    const client = bench.dial();
    // A worker accepts before it answers twice.
    for (let answers = 0; answers < 10; answers += 1) await bench.relay.responds();
    expect(bench.relay.connections).toBe(0);
    bench.relay.resume();
    await expectWhole({ client, destination: await bench.accept() });
  });

  test("again and again is replaced ever more slowly", async () => {
    const bench = await Bench.start();
    const started = performance.now();
    while (bench.events.faults.length < 6) {
      bench.puppets.perform({ kind: "throw", worker: 0, message: "a bug" });
      await Bun.sleep(2);
    }
    // Between six deaths there are five pauses: 10 ms, and twice as much each time.
    expect(performance.now() - started).toBeGreaterThan(10 + 20 + 40 + 80 + 160);
    await expectWhole(await bench.open());
  });
});

test("whether all workers turn is known, and a hanging one keeps it waiting", async () => {
  const bench = await Bench.start();
  await bench.relay.responds();
  bench.puppets.perform({ kind: "hang", worker: 2 });
  let answered = false;
  await turn();
  void bench.relay.responds().then(() => (answered = true));
  // Nothing to wait for: that nothing comes is the point.
  await Bun.sleep(100);
  expect(answered).toBe(false);
});

describe("workers that cannot start", () => {
  const start = (source: string, thread: string, awaitsAccept: boolean) => {
    if (loaded.libc === null) throw new Error(loaded.reason);
    const destination = { kind: "tcp", host: "127.0.0.1", port: 1 } as const;
    return startPooledRelay(
      loaded.libc,
      { source: { kind: "unix", path: source }, destination },
      new WorkerPool(2, { module: new URL(thread, import.meta.url) }),
      { awaitsAccept },
    );
  };

  test.each([
    ["no-such-thread.ts", false],
    ["../support/threads/stillborn-thread.ts", false],
    // In the new process of a handover the file of a source that it bound is its own, too.
    ["no-such-thread.ts", true],
  ])(
    "%s: the relay does not start, and leaves nothing (awaitsAccept: %j)",
    async (thread, awaitsAccept) => {
      const folder = mkdtempSync(join(tmpdir(), "workers-"));
      const path = join(folder, "socket");
      const before = socketDescriptors("self").length;
      const error: unknown = await start(path, thread, awaitsAccept).catch(
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(RelayError);
      expect(existsSync(path)).toBe(false);
      await until(() => socketDescriptors("self").length === before, "all to be closed");
      rmSync(folder, { recursive: true });
    },
  );
});
