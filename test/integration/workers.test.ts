import { afterEach, describe, expect, spyOn, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ConnectionView, createRelay, parseCidr } from "../../src/index.ts";
import { SharedCounters } from "../../src/workers/shared-counters.ts";
import { socketDescriptors } from "../support/process/proc.ts";
import { RawListener, RawSocket } from "../support/sockets/raw-socket.ts";
import { system } from "../support/process/system-calls.ts";
import { turn, until } from "../support/waiting.ts";
import {
  addressOf,
  Bench,
  endBenches,
  expectWhole,
  LOOPBACK,
  payload,
  WORKERS,
} from "../support/threads/workers-bench.ts";

afterEach(endBenches);

describe("the limit of connections is one over all workers", () => {
  test("every place is used and none more; who waits is served once one is free", async () => {
    const bench = await Bench.start({ connectionsMax: 7 });
    const { relay, listener, events } = bench;
    const clients = Array.from({ length: 20 }, () => bench.dial());
    const served = new Set<RawSocket>();
    for (let count = 0; count < 7; count += 1) served.add(await bench.accept());
    await until(() => events.full.length > 0, "the relay to be full");
    expect(relay.connections).toBe(7);
    for (let turns = 0; turns < 50; turns += 1) await turn();
    expect(listener.tryAccept()).toBeNull();
    expect(events.full).toEqual([7]);
    for (const client of clients) client.halfClose();
    for (let count = 0; count < 20; count += 1) {
      const [destination = await bench.accept()] = served;
      served.delete(destination);
      expect(await destination.readToEnd()).toMatchObject({ ending: "end" });
      destination.close();
    }
    await until(() => events.closed.length === 20, "all to be over");
    expect(events.mostOpen).toBe(7);
    expect(relay.connections).toBe(0);
  });

  test("there is no worker without a place", async () => {
    const forWorkers = spyOn(SharedCounters, "forWorkers");
    const bench = await Bench.start({ connectionsMax: 2 }, 8);
    expect(forWorkers.mock.calls).toEqual([[2, 0]]);
    forWorkers.mockRestore();
    for (const ends of await bench.openMany(2)) await expectWhole(ends);
  });
});

describe("the main thread sees each connection", () => {
  test("with an id of its own, its client, and its age by this thread's clock", async () => {
    const bench = await Bench.start();
    const before = performance.now();
    const ends = await bench.openMany(10);
    await until(() => bench.events.opened.length === 10, "all to be told of");
    const after = performance.now();
    const ids = bench.events.opened.map(({ id }) => id).sort((a, b) => a - b);
    expect(ids).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    for (const { openedAt } of bench.events.opened) {
      // Of a message that took its time the thread cannot tell more than that.
      expect(openedAt).toBeGreaterThan(before - 1);
      expect(openedAt).toBeLessThanOrEqual(after);
    }
    const clients = ends.map(({ client }) => addressOf(client));
    expect(bench.events.opened.map((view) => view.clientAddress).sort()).toEqual(clients.sort());
  });

  test("with figures that go on while it is open, and the last ones at its end", async () => {
    const bench = await Bench.start();
    const { client, destination } = await bench.open();
    client.sendAtOnce(payload);
    await until(() => bench.events.opened[0]?.bytesUp === payload.length, "the bytes to be told");
    expect(bench.events.opened[0]).toMatchObject({ bytesDown: 0, heldUp: 0, state: "open" });
    client.halfClose();
    await until(() => bench.events.opened[0]?.state === "client ended", "the state to be told");
    destination.sendAtOnce(payload);
    destination.close();
    client.close();
    await until(() => bench.events.closed.length === 1, "the end to be told");
    expect(bench.events.closed[0]?.view).toBe(bench.events.opened[0] as ConnectionView);
    expect(bench.events.closed[0]?.view.bytesDown).toBe(payload.length);
  });

  test("one that is refused, with the reason", async () => {
    const refused: string[] = [];
    const relay = await createRelay({
      source: LOOPBACK,
      destination: "127.0.0.1:1",
      workers: WORKERS,
      deny: [parseCidr("127.0.0.0/8")],
      observer: { refused: (client, reason) => void refused.push(`${client}: ${reason}`) },
    });
    using client = RawSocket.dial(relay.endpoint);
    const address = addressOf(client);
    await client.hangUp();
    await until(() => refused.length > 0, "the refusal to be told");
    expect(refused).toEqual([`${address}: its address is denied`]);
    await relay.stop();
  });

  test("only where somebody listens: who hears failures alone is told who failed", async () => {
    const failed: string[] = [];
    const relay = await createRelay({
      source: LOOPBACK,
      destination: "127.0.0.1:1",
      workers: WORKERS,
      observer: {
        unreachable: ({ clientAddress }, { code }) => failed.push(`${clientAddress} ${code}`),
      },
    });
    using client = RawSocket.dial(relay.endpoint);
    const address = addressOf(client);
    await client.hangUp();
    await until(() => failed.length > 0, "the failure to be told");
    expect(failed).toEqual([`${address} ECONNREFUSED`]);
    await relay.stop();
    expect(relay.connections).toBe(0);
  });
});

describe("a stop", () => {
  test("takes the file away, serves who came before it, and tells of all workers at once", async () => {
    const folder = mkdtempSync(join(tmpdir(), "workers-"));
    const path = join(folder, "socket");
    const bench = await Bench.start({ from: path });
    const early = await bench.openMany(4);
    await until(() => bench.relay.connections === early.length, "the workers to have told of them");
    const late = Array.from({ length: 30 }, () => bench.dial());
    const stopped = bench.relay.stop();
    expect(existsSync(path)).toBe(false);
    for (const client of late) {
      client.sendAtOnce(payload);
      client.halfClose();
    }
    for (let count = 0; count < late.length; count += 1) {
      const destination = await bench.accept();
      expect(await destination.readToEnd()).toEqual({ ...payload.received(), ending: "end" });
      destination.close();
    }
    for (const client of late) expect((await client.readToEnd()).ending).toBe("end");
    // The workers report at different times, and connections that have ended by then do not count.
    await until(() => bench.events.others.length === 2, "all workers to have reported");
    for (const ends of early) await expectWhole(ends);
    await stopped;
    const [first, draining = "", last] = bench.events.others;
    expect([first, last]).toEqual(["listening", "stopped"]);
    expect(Number(draining.split(" ")[1])).toBeGreaterThanOrEqual(early.length);
    expect(bench.events.closed).toHaveLength(early.length + late.length);
    expect(bench.events.stops).toEqual([{ cause: "asked", cut: 0 }]);
    expect(bench.events.faults).toEqual([]);
    rmSync(folder, { recursive: true });
  });

  test("leaves who waits at an inherited socket to its next holder", async () => {
    using holder = new RawListener(LOOPBACK);
    const bench = await Bench.start({ from: `fd:${system.duplicate(holder.fd)}` });
    expect(bench.relay.endpoint).toEqual(holder.endpoint);
    await expectWhole(await bench.open());
    bench.puppets.freeze(() => void bench.relay.stop());
    await until(() => bench.events.others.includes("stopped"), "the stop");
    const client = bench.keep(await RawSocket.connect(holder.endpoint));
    bench.keep(await holder.accept());
    expect(client.isHungUp).toBe(false);
  });

  test("is shortened by a second one, and then resets what is left", async () => {
    const bench = await Bench.start();
    const ends = await bench.openMany(6);
    const stopped = bench.relay.stop({ drainTimeout: 60_000 });
    await until(() => bench.events.others.includes("draining 6"), "the drain");
    await bench.relay.stop({ drainTimeout: 0 });
    await stopped;
    for (const { client } of ends) expect((await client.readToEnd()).ending).toBe("ECONNRESET");
    expect(bench.events.closed.map(({ ending }) => ending)).toEqual(Array(6).fill("stopped"));
    expect(bench.events.stops).toEqual([{ cause: "asked", cut: 6 }]);
  });

  test("does not wait for a worker that hangs longer than for the others", async () => {
    const bench = await Bench.start();
    bench.puppets.perform({ kind: "hang", worker: 1 });
    await turn();
    await bench.relay.stop({ drainTimeout: 0 });
    expect(bench.events.others).toEqual(["listening", "draining 0", "stopped"]);
  });

  test("closes every descriptor", async () => {
    const before = socketDescriptors("self").length;
    const bench = await Bench.start();
    await expectWhole(await bench.open());
    await bench.relay.stop();
    bench.listener.close();
    expect(socketDescriptors("self").length).toBe(before);
  });
});

describe("a stop where nobody is", () => {
  test("does not come while a connection is open, and the others go on accepting", async () => {
    const bench = await Bench.start();
    const first = await bench.open();
    expect(await bench.relay.stopIfIdle()).toBe(false);
    for (const ends of await bench.openMany(6)) await expectWhole(ends);
    await expectWhole(first);
    await until(() => bench.relay.connections === 0, "all to be over");
    expect(await bench.relay.stopIfIdle()).toBe(true);
    expect(bench.events.stops).toEqual([{ cause: "idle", cut: 0 }]);
    expect(bench.events.others.at(-1)).toBe("stopped");
  });

  test("loses nobody who comes at that moment", async () => {
    using holder = new RawListener(LOOPBACK);
    for (let round = 0; round < 20; round += 1) {
      const bench = await Bench.start({ from: `fd:${system.duplicate(holder.fd)}` }, 2);
      const leaving = bench.relay.stopIfIdle();
      const client = bench.dial();
      const left = await leaving;
      const here = left ? bench.keep(await holder.accept()) : await bench.accept();
      client.sendAtOnce(payload);
      expect(await here.read(payload.length)).toEqual(payload.received());
      await bench.end();
    }
  });
});
