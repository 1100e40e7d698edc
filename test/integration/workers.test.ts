import { afterEach, describe, expect, spyOn, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type ConnectionView,
  createRelay,
  type Observer,
  parseCidr,
  printAddress,
  type Relay,
  RelayError,
  type Stop,
} from "../../src/index.ts";
import { loaded } from "../../src/os/libc.ts";
import type { RelayOptions } from "../../src/relay/options.ts";
import { SharedCounters } from "../../src/workers/shared-counters.ts";
import { startPooledRelay } from "../../src/workers/pooled-relay.ts";
import { WorkerPool } from "../../src/workers/worker-pool.ts";
import { Payload } from "../support/sockets/payload.ts";
import { descriptorsOf, socketDescriptors } from "../support/process/proc.ts";
import { type Puppets, startPuppets } from "../support/threads/puppets.ts";
import { RawListener, RawSocket } from "../support/sockets/raw-socket.ts";
import { portIn } from "../support/sockets/socket-name.ts";
import { system } from "../support/process/system-calls.ts";
import { turn, until } from "../support/waiting.ts";

const LOOPBACK = { kind: "tcp", host: "127.0.0.1", port: 0 } as const;
const WORKERS = 3;
const payload = new Payload(1_000);

/** All that a relay has told. */
class Events {
  readonly opened: ConnectionView[] = [];
  readonly closed: { readonly view: ConnectionView; readonly ending: string }[] = [];
  readonly faults: string[] = [];
  readonly full: number[] = [];
  readonly others: string[] = [];
  readonly stops: Stop[] = [];
  mostOpen = 0;
  readonly observer: Partial<Observer> = {
    opened: (view) => {
      this.opened.push(view);
      this.mostOpen = Math.max(this.mostOpen, this.opened.length - this.closed.length);
    },
    closed: (view, ending) => void this.closed.push({ view, ending }),
    fault: (error) => void this.faults.push(error instanceof Error ? error.message : "?"),
    full: (open) => void this.full.push(open),
    listening: () => void this.others.push("listening"),
    draining: (open) => void this.others.push(`draining ${open}`),
    stopped: (stop) => {
      this.others.push("stopped");
      this.stops.push(stop);
    },
  };
}

interface Ends {
  readonly client: RawSocket;
  readonly destination: RawSocket;
}

/** A relay of several workers before a destination; everything goes at the end of the test. */
class Bench {
  readonly #sockets: RawSocket[] = [];

  private constructor(
    readonly listener: RawListener,
    readonly puppets: Puppets,
    readonly events: Events,
  ) {}

  static async start(
    options: Partial<RelayOptions> & { readonly from?: string } = {},
    workers = WORKERS,
  ): Promise<Bench> {
    const { from = "127.0.0.1:0", ...rest } = options;
    const listener = new RawListener(LOOPBACK);
    const events = new Events();
    const puppets = await startPuppets(
      {
        ...rest,
        source: from,
        destination: printAddress(listener.endpoint),
        observer: events.observer,
      },
      workers,
    );
    const bench = new Bench(listener, puppets, events);
    benches.push(bench);
    return bench;
  }

  get relay(): Relay {
    return this.puppets.relay;
  }

  dial(): RawSocket {
    return this.keep(RawSocket.dial(this.relay.endpoint));
  }

  async accept(): Promise<RawSocket> {
    return this.keep(await this.listener.accept());
  }

  async open(): Promise<Ends> {
    const client = this.keep(await RawSocket.connect(this.relay.endpoint));
    return { client, destination: await this.accept() };
  }

  async openMany(count: number): Promise<Ends[]> {
    const ends: Ends[] = [];
    while (ends.length < count) ends.push(await this.open());
    return ends;
  }

  keep(socket: RawSocket): RawSocket {
    this.#sockets.push(socket);
    return socket;
  }

  async end(): Promise<void> {
    for (const socket of this.#sockets) socket.close();
    this.listener.close();
    await this.relay.stop({ drainTimeout: 0 });
  }
}

const benches: Bench[] = [];

afterEach(async () => {
  await Promise.all(benches.splice(0).map((bench) => bench.end()));
});

/** A connected client as a relay names it. */
function addressOf(client: RawSocket): string {
  // Asked of the client alone: a relay that refuses it may be faster.
  return `127.0.0.1:${portIn(system.ownName(client.fd))}`;
}

async function expectWhole({ client, destination }: Ends): Promise<void> {
  client.sendAtOnce(payload);
  client.halfClose();
  expect(await destination.readToEnd()).toEqual({ ...payload.received(), ending: "end" });
  destination.sendAtOnce(payload);
  destination.halfClose();
  expect(await client.readToEnd()).toEqual({ ...payload.received(), ending: "end" });
  client.close();
  destination.close();
}

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
  const start = (source: string, thread: string) => {
    if (loaded.libc === null) throw new Error(loaded.reason);
    const destination = { kind: "tcp", host: "127.0.0.1", port: 1 } as const;
    return startPooledRelay(
      loaded.libc,
      { source: { kind: "unix", path: source }, destination },
      new WorkerPool(2, { module: new URL(thread, import.meta.url) }),
    );
  };

  test.each(["no-such-thread.ts", "../support/threads/stillborn-thread.ts"])(
    "%s: the relay does not start, and leaves nothing",
    async (thread) => {
      const folder = mkdtempSync(join(tmpdir(), "workers-"));
      const path = join(folder, "socket");
      const before = socketDescriptors("self").length;
      const error: unknown = await start(path, thread).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(RelayError);
      expect(existsSync(path)).toBe(false);
      await until(() => socketDescriptors("self").length === before, "all to be closed");
      rmSync(folder, { recursive: true });
    },
  );
});
