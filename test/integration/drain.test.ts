import { afterEach, expect, test } from "bun:test";
import { createRelay, type Relay, type SocketEndpoint, type Stop } from "../../src/index.ts";
import { Payload } from "../support/sockets/payload.ts";
import type { Buffers } from "../support/sockets/raw-descriptor.ts";
import { RawListener, RawSocket } from "../support/sockets/raw-socket.ts";
import { until } from "../support/waiting.ts";

// Which connections a stop waits for. The times are shorter than those that a process takes.

const KIB = 1024;
const STILL = 300;

const payload = new Payload(1_000);

const disposables: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of disposables.splice(0)) await one[Symbol.asyncDispose]();
});

interface Bench {
  readonly relay: Relay;
  readonly endings: string[];
  readonly stops: Stop[];
  open(): Promise<{ readonly client: RawSocket; readonly destination: RawSocket }>;
}

const LOOPBACK: SocketEndpoint = { kind: "tcp", host: "127.0.0.1", port: 0 };

async function start(place = LOOPBACK, buffers: Buffers = {}): Promise<Bench> {
  const listener = new RawListener(place, 10, buffers);
  const sockets: RawSocket[] = [];
  const endings: string[] = [];
  const stops: Stop[] = [];
  const relay = await createRelay({
    source: "127.0.0.1:0",
    destination: listener.endpoint,
    observer: {
      closed: (_connection, ending) => void endings.push(ending),
      stopped: (stop) => void stops.push(stop),
    },
  });
  disposables.push({
    async [Symbol.asyncDispose]() {
      for (const socket of [...sockets, listener]) socket.close();
      await relay.stop({ drainTimeout: 0 });
    },
  });
  return {
    relay,
    endings,
    stops,
    async open() {
      const client = await RawSocket.connect(relay.endpoint, buffers);
      const destination = await listener.accept();
      sockets.push(client, destination);
      return { client, destination };
    },
  };
}

test("a connection on which nothing moves is not waited for", async () => {
  const { relay, open, endings, stops } = await start();
  const { client, destination } = await open();
  const since = performance.now();
  await relay.stop({ drainTimeout: 60_000, standstillTimeout: STILL });
  expect(performance.now() - since).toBeGreaterThanOrEqual(STILL);
  expect((await client.readToEnd()).ending).toBe("ECONNRESET");
  expect((await destination.readToEnd()).ending).toBe("ECONNRESET");
  expect(endings).toEqual(["stopped"]);
  expect(stops).toEqual([{ cause: "asked", cut: 1 }]);
});

test("a connection on which bytes move is waited for, and ends by itself", async () => {
  const { relay, open, endings, stops } = await start();
  const { client, destination } = await open();
  const stopped = relay.stop({ drainTimeout: 60_000, standstillTimeout: STILL });
  for (let round = 0; round < 8; round += 1) {
    await Bun.sleep(STILL / 3);
    client.sendAtOnce(payload);
    expect(await destination.read(payload.length)).toEqual(payload.received());
  }
  client.halfClose();
  destination.halfClose();
  await stopped;
  expect(endings).toEqual(["finished"]);
  expect(stops).toEqual([{ cause: "asked", cut: 0 }]);
});

test("a connection on which bytes move for longer than the drain is cut", async () => {
  const { relay, open, stops } = await start();
  const { client, destination } = await open();
  const stopped = relay.stop({ drainTimeout: 2 * STILL, standstillTimeout: STILL });
  const [sending] = [client.pour(new Payload(1024 ** 4)), destination.readToEnd()];
  await stopped;
  expect((await sending).failure).toBe("ECONNRESET");
  expect(stops).toEqual([{ cause: "asked", cut: 1 }]);
});

test("bytes that a slow reader takes out of the relay's kernel are a movement", async () => {
  // Small enough that the kernel has all of it, and the relay itself nothing to do.
  const answer = new Payload(700 * KIB);
  // Of the last bytes, which are in the client's kernel, the relay sees no movement.
  const slow = answer.length - 256 * KIB;
  const still = 1_000;
  const { relay, open, stops } = await start(LOOPBACK, { receive: 64 * KIB });
  const { client, destination } = await open();
  await destination.send(answer);
  destination.halfClose();
  await until(() => destination.unsent === 0, "the relay to have read it");
  const since = performance.now();
  const stopped = relay.stop({ drainTimeout: 60_000, standstillTimeout: still });
  let read = 0;
  for (;;) {
    const received = await client.receive(8 * KIB);
    if (typeof received === "string") {
      expect(received).toBe("end");
      break;
    }
    read += received.length;
    if (read < slow) await Bun.sleep(30);
  }
  expect(performance.now() - since).toBeGreaterThan(still);
  expect(read).toBe(answer.length);
  client.close();
  await stopped;
  expect(stops).toEqual([{ cause: "asked", cut: 0 }]);
});

test("a client that has everything and only does not close is no cut", async () => {
  // The relay sees the close of a Unix socket; of TCP it would see a half-close.
  const place = { kind: "abstract", name: `drain-test-${process.pid}` } as const;
  const { relay, open, endings, stops } = await start(place);
  const { client, destination } = await open();
  destination.sendAtOnce(payload);
  destination.close();
  expect(await client.readToEnd()).toEqual({ ...payload.received(), ending: "end" });
  await relay.stop({ drainTimeout: 60_000, standstillTimeout: STILL });
  expect(endings).toEqual(["finished"]);
  expect(stops).toEqual([{ cause: "asked", cut: 0 }]);
});

test("a stop without limits waits on, until a second one limits it", async () => {
  const { relay, open, stops } = await start();
  await open();
  const stopped = relay.stop({ drainTimeout: Infinity, standstillTimeout: Infinity });
  await Bun.sleep(2 * STILL);
  expect(stops).toEqual([]);
  const since = performance.now();
  await relay.stop({ drainTimeout: 60_000, standstillTimeout: STILL });
  expect(performance.now() - since).toBeGreaterThanOrEqual(STILL);
  await stopped;
  expect(stops).toEqual([{ cause: "asked", cut: 1 }]);
});
