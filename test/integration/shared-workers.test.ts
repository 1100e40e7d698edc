import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { printAddress, type Observer } from "../../src/index.ts";
import type { RelayOptions } from "../../src/relay/options.ts";
import { RawListener, RawSocket } from "../support/sockets/raw-socket.ts";
import type { WorkerPool } from "../../src/workers/worker-pool.ts";
import { type Puppets, puppetPool, startPuppets } from "../support/threads/puppets.ts";
import { until } from "../support/waiting.ts";

const LOOPBACK = { kind: "tcp", host: "127.0.0.1", port: 0 } as const;
const WORKERS = 3;
let after = new AsyncDisposableStack();

afterEach(async () => {
  await after.disposeAsync();
  after = new AsyncDisposableStack();
});

/** One of several relays of a pool. */
interface Member {
  readonly puppets: Puppets;
  readonly endings: string[];
  readonly faults: string[];
  open(): Promise<RawSocket>;
}

async function startRelays(
  ...options: readonly Partial<RelayOptions>[]
): Promise<readonly Member[]> {
  const pool = puppetPool(WORKERS);
  return await Promise.all(options.map((each) => startMember(each, pool)));
}

async function startMember(options: Partial<RelayOptions>, pool: WorkerPool): Promise<Member> {
  const listener = new RawListener(LOOPBACK);
  after.defer(async () => listener.close());
  const endings: string[] = [];
  const faults: string[] = [];
  const observer: Partial<Observer> = {
    opened: () => {},
    closed: (_view, ending) => void endings.push(ending),
    fault: (error) => void faults.push(error instanceof Error ? error.message : "?"),
  };
  const puppets = await startPuppets(
    {
      ...options,
      source: "127.0.0.1:0",
      destination: printAddress(listener.endpoint),
      observer,
    },
    WORKERS,
    pool,
  );
  after.defer(() => puppets.relay.stop({ drainTimeout: 0 }));
  return {
    puppets,
    endings,
    faults,
    open: async () => {
      const client = await RawSocket.connect(puppets.relay.endpoint);
      const destination = await listener.accept();
      after.defer(async () => {
        client.close();
        destination.close();
      });
      return client;
    },
  };
}

/** Threads that were started and have not ended. */
let threads = 0;

class CountedWorker extends Worker {
  constructor(...args: ConstructorParameters<typeof Worker>) {
    super(...args);
    threads += 1;
    this.addEventListener("close", () => {
      threads -= 1;
    });
  }
}

const PlainWorker = globalThis.Worker;
beforeAll(() => {
  globalThis.Worker = CountedWorker;
});
afterAll(() => {
  globalThis.Worker = PlainWorker;
});

/** Two relays of a test. */
async function startTwo(): Promise<readonly [Member, Member]> {
  const [one, other] = await startRelays({}, {});
  if (one === undefined || other === undefined) throw new Error("there are two");
  return [one, other];
}

describe("relays that share workers", () => {
  test("have no more threads than one has", async () => {
    await startRelays({}, {}, {}, {}, {});
    expect(threads).toBe(WORKERS);
  });

  test("use different workers first if they use few", async () => {
    const members = await startRelays(...Array(3).fill({ connectionsMax: 1 }));
    for (const member of members) await member.open();
    // Each worker has one connection: the death of one takes one with it.
    members[0]?.puppets.perform({ kind: "exit", worker: 0 });
    await until(() => members[0]?.endings.length === 1, "the loss");
    expect(members.map(({ endings }) => endings.length)).toEqual([1, 0, 0]);
  });

  test("each stop by themselves; the others and the workers go on", async () => {
    const [one, other] = await startTwo();
    await other.open();
    await one.open();
    await one.puppets.relay.stop({ drainTimeout: 0 });
    expect(one.endings).toEqual(["stopped"]);
    expect({ threads, open: other.puppets.relay.connections }).toEqual({
      threads: WORKERS,
      open: 1,
    });
    await other.open();
    expect(other.endings).toEqual([]);
  });

  test("lose what a worker that dies had of each, are told of their own, and go on", async () => {
    const [one, other] = await startTwo();
    const clients: RawSocket[] = [];
    while (clients.length < 12) clients.push(await one.open(), await other.open());
    one.puppets.perform({ kind: "throw", worker: 0, message: "by a test" });
    const lost = () => one.endings.length + other.endings.length;
    const open = () => one.puppets.relay.connections + other.puppets.relay.connections;
    await until(() => one.faults.length + other.faults.length > 0, "the death");
    await until(() => open() + lost() === clients.length, "the loss");
    for (const { faults, endings } of [one, other])
      if (endings.length > 0)
        expect(faults).toEqual([expect.stringContaining(`: ${endings.length} connection`)]);
    const before = lost();
    // Every worker takes clients of both again.
    for (let index = 0; index < 12; index += 1) {
      await one.open();
      await other.open();
    }
    expect({ lost: lost(), open: open() }).toEqual({
      lost: before,
      open: clients.length - before + 24,
    });
  });

  test("are left alone by one that fails to start", async () => {
    const pool = puppetPool(WORKERS);
    const running = await startMember({}, pool);
    await running.open();
    const [failing, starting] = await Promise.allSettled([
      startMember({ capture: "/dev/null/no-folder" }, pool),
      startMember({}, pool),
    ]);
    expect(failing).toMatchObject({ status: "rejected", reason: { code: "ENOTDIR" } });
    if (starting.status === "rejected") throw starting.reason;
    await Promise.all([running.open(), starting.value.open()]);
    for (const { faults, endings } of [running, starting.value])
      expect({ faults, endings }).toEqual({ faults: [], endings: [] });
    expect(threads).toBe(WORKERS);
  });

  test("have no thread left by the only one, which fails to start", async () => {
    const failing = startRelays({ capture: "/dev/null/no-folder" });
    expect(await failing.catch((error: unknown) => error)).toMatchObject({ code: "ENOTDIR" });
    expect(threads).toBe(0);
  });

  test("end with the last of them: no thread is left", async () => {
    const members = await startRelays({}, {});
    for (const { puppets } of members) await puppets.relay.stop({ drainTimeout: 0 });
    expect(threads).toBe(0);
  });
});
