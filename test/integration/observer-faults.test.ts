import { describe, expect, test } from "bun:test";
import {
  createRelay,
  type Observer,
  parseCidr,
  type Relay,
  type RelayOptions,
  type SocketEndpoint,
} from "../../src/index.ts";
import { Payload } from "../support/sockets/payload.ts";
import { RawListener, RawSocket } from "../support/sockets/raw-socket.ts";
import { until } from "../support/waiting.ts";

const LOOPBACK: SocketEndpoint = { kind: "tcp", host: "127.0.0.1", port: 0 };

type Event = Exclude<keyof Observer, "fault">;

/** An observer of which one event throws whenever it comes. */
class Faulty {
  readonly faults: unknown[] = [];
  readonly thrown: Error;
  readonly observer: Partial<Observer>;

  constructor(event: Event) {
    this.thrown = new Error(`of ${event}`);
    this.observer = {
      fault: (error) => void this.faults.push(error),
      [event]: () => {
        throw this.thrown;
      },
    };
  }
}

async function start(
  { observer }: Faulty,
  { endpoint }: RawListener,
  options: Partial<RelayOptions> = {},
): Promise<Relay> {
  return await createRelay({ source: LOOPBACK, destination: endpoint, observer, ...options });
}

interface Ends {
  readonly client: RawSocket;
  readonly destination: RawSocket;
}

async function open(relay: Relay, listener: RawListener): Promise<Ends> {
  const client = await RawSocket.connect(relay.endpoint);
  return { client, destination: await listener.accept() };
}

/** Bytes both ways to the end of both streams. */
async function expectWhole({ client, destination }: Ends): Promise<void> {
  const payload = new Payload(1_000);
  const whole = { ...payload.received(), ending: "end" as const };
  client.sendAtOnce(payload);
  client.halfClose();
  expect(await destination.readToEnd()).toEqual(whole);
  destination.sendAtOnce(payload);
  destination.halfClose();
  expect(await client.readToEnd()).toEqual(whole);
  client.close();
  destination.close();
}

describe("an observer that throws when", () => {
  test.each([
    "listening",
    "opened",
    "connected",
    "halfClosed",
    "closed",
    "draining",
    "stopped",
  ] as const)("%s is told of it, and the relay goes on", async (event) => {
    const faulty = new Faulty(event);
    using listener = new RawListener(LOOPBACK);
    const relay = await start(faulty, listener);
    await expectWhole(await open(relay, listener));
    await expectWhole(await open(relay, listener));
    await until(() => relay.connections === 0, "both connections to end");
    await relay.stop();
    expect(new Set(faulty.faults)).toEqual(new Set([faulty.thrown]));
  });

  test.each(["closed", "full"] as const)("%s: a place becomes free again", async (event) => {
    const faulty = new Faulty(event);
    using listener = new RawListener(LOOPBACK);
    await using relay = await start(faulty, listener, { connectionsMax: 1 });
    const first = await open(relay, listener);
    const waiting = await RawSocket.connect(relay.endpoint);
    await expectWhole(first);
    await expectWhole({ client: waiting, destination: await listener.accept() });
    expect(faulty.faults).toContain(faulty.thrown);
  });

  // Each way to find out has another caller: the system, a timer, a resolver.
  test.each<[string, "refuses" | "is silent", string, Partial<RelayOptions>]>([
    ["at once", "refuses", "127.0.0.1", {}],
    ["after trying again", "refuses", "127.0.0.1", { connectRetry: 300 }],
    ["by a name", "refuses", "localhost", {}],
    ["when the time is up", "is silent", "127.0.0.1", { connectTimeout: 100 }],
  ])("a destination is unreachable, %s: its client sees that", async (_, what, host, options) => {
    const faulty = new Faulty("unreachable");
    using listener = new RawListener(LOOPBACK, 0);
    const { endpoint } = listener;
    if (endpoint.kind !== "tcp") throw new Error("a TCP listener has a TCP endpoint");
    // A queue of 0 has room for one, which this is. At its own port nobody listens, and nobody else
    // gets that port meanwhile.
    using queued = await RawSocket.connect(endpoint);
    const port = what === "refuses" ? queued.ports.own : endpoint.port;
    const destination = `${host}:${port}`;
    await using relay = await start(faulty, listener, { ...options, destination });
    using client = RawSocket.dial(relay.endpoint);
    await client.hangUp();
    await until(() => relay.connections === 0, "the connection to end");
    expect(faulty.faults).toEqual([faulty.thrown]);
  });

  test("a client is refused: it is refused all the same", async () => {
    const faulty = new Faulty("refused");
    using listener = new RawListener(LOOPBACK);
    await using relay = await start(faulty, listener, { deny: [parseCidr("127.0.0.0/8")] });
    using client = RawSocket.dial(relay.endpoint);
    await client.hangUp();
    expect(faulty.faults).toEqual([faulty.thrown]);
    expect(listener.tryAccept()).toBeNull();
  });
});
