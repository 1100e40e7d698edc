import { expect, test } from "bun:test";
import { join } from "node:path";
import { type ConnectionView, createRelay, type SocketEndpoint } from "../../src/index.ts";
import { boundOfThreads } from "../../src/workers/held-memory-of-threads.ts";
import { relayOpener } from "../../src/workers/open-with-workers.ts";
import { Payload } from "../support/sockets/payload.ts";
import { RawListener, RawSocket } from "../support/sockets/raw-socket.ts";
import { turn, until } from "../support/waiting.ts";
import { folderForTests } from "../support/temporary-folder.ts";

// All clients send at the same moment, and nobody reads. What a destination's socket does not take
// is held.

const KIB = 1024;
const MOST = 4 * KIB * KIB;
// One read of the thread: the read that reaches the bound.
const EXCESS_MOST = 1 * KIB * KIB;
const CONNECTIONS = 80;
// More than twice what a Unix socket takes if nobody has changed its buffer.
const SEND_BUFFER = 512 * KIB;
// Turns of the event loop in which a relay without a bound would have read all that was sent.
const TURNS = 20;
// Milliseconds in which nothing comes to a connection. A relay that only looks from time to time
// then looks once a second, so that a request with its answer takes one or two seconds.
const REST = 2_500;
const REQUESTS = 20;
// Milliseconds for all requests, one after the other, each on a connection of its own. The machine
// may be busy.
const REQUESTS_TAKE_MOST = 10_000;

const folder = folderForTests("memory-max");

const path = (name: string): SocketEndpoint => ({ kind: "unix", path: join(folder, name) });

test("at memoryMax nothing more is held, who holds nothing is served, and all bytes arrive", async () => {
  const listener = new RawListener(path("destination"), CONNECTIONS + 1);
  const views: ConnectionView[] = [];
  const full = Promise.withResolvers<string>();
  const pauses: string[] = [];
  await using relay = await createRelay({
    source: path("source"),
    destination: listener.endpoint,
    memoryMax: MOST,
    drainTimeout: 0,
    observer: {
      opened: (view) => void views.push(view),
      full: (_, limit) => full.resolve(limit),
      acceptingPaused: (reason, change) => void pauses.push(`${reason} ${change}`),
    },
  });
  const held = () => views.reduce((sum, { heldUp, heldDown }) => sum + heldUp + heldDown, 0);
  const clients: RawSocket[] = [];
  const destinations: RawSocket[] = [];
  try {
    for (let count = 0; count <= CONNECTIONS; count += 1) {
      clients.push(await RawSocket.connect(relay.endpoint, { send: SEND_BUFFER }));
      destinations.push(await listener.accept());
    }
    const [idle, ...senders] = clients;
    const [waiting, ...receivers] = destinations;
    const payload = new Payload(2 * SEND_BUFFER);
    const begun = senders.map((sender) => Number(sender.trySend(payload.bytes)));
    expect(await full.promise).toBe("memory");
    expect(pauses).toEqual(["memory 1"]);
    let most = 0;
    for (let count = 0; count < TURNS; count += 1) {
      most = Math.max(most, held());
      await turn();
    }
    expect(most).toBeGreaterThanOrEqual(MOST);
    expect(most).toBeLessThanOrEqual(MOST + EXCESS_MOST);

    const request = new Payload(10);
    for (let count = 0; count < 3; count += 1) {
      await idle?.send(request);
      expect(await waiting?.read(request.length)).toEqual(request.received());
      await waiting?.send(request);
      expect(await idle?.read(request.length)).toEqual(request.received());
    }
    expect(held()).toBeGreaterThan(MOST / 2);

    const rest = senders.map(async (sender, index) => {
      const { failure } = await sender.pour(payload, begun[index]);
      sender.halfClose();
      return failure;
    });
    for (const receiver of receivers) {
      const { ending, ...stream } = await receiver.readToEnd();
      expect(ending).toBe("end");
      expect(stream).toEqual(payload.received());
    }
    expect(new Set(await Promise.all(rest))).toEqual(new Set([null]));
    expect(held()).toBe(0);
    await until(() => pauses.at(-1) === "memory -1", "the end of the pause");
  } finally {
    for (const end of [...clients, ...destinations]) end.close();
    listener.close();
  }
});

const LOOPBACK: SocketEndpoint = { kind: "tcp", host: "127.0.0.1", port: 0 };

test.each([
  ["Unix to TCP", path("one-source"), LOOPBACK],
  ["TCP to Unix", LOOPBACK, path("other-destination")],
] as const)(
  "at the bound a request on an idle connection of another relay waits for nothing (%s)",
  async (name, source, destination) => {
    using ends = new DisposableStack();
    const listen = (endpoint: SocketEndpoint) => {
      const listener = new RawListener(endpoint, CONNECTIONS);
      ends.defer(() => listener.close());
      return listener;
    };
    const silent = listen(path(`silent destination, ${name}`));
    const answering = listen(destination);
    const { open } = relayOpener(1, { memory: boundOfThreads(1, MOST) });
    const full = Promise.withResolvers<void>();
    await using stalled = await open({
      source: path(`silent source, ${name}`),
      destination: silent.endpoint,
      drainTimeout: 0,
      observer: { full: () => full.resolve() },
    });
    await using relay = await open({ source, destination: answering.endpoint, drainTimeout: 0 });
    const connect = async (endpoint: SocketEndpoint, listener: RawListener, send?: number) => {
      const client = await RawSocket.connect(endpoint, send === undefined ? {} : { send });
      ends.defer(() => client.close());
      const server = await listener.accept();
      ends.defer(() => server.close());
      return [client, server] as const;
    };
    const idle: (readonly [client: RawSocket, server: RawSocket])[] = [];
    for (let count = 0; count < REQUESTS; count += 1)
      idle.push(await connect(relay.endpoint, answering));
    const senders: RawSocket[] = [];
    for (let count = 0; count < CONNECTIONS / 2; count += 1)
      senders.push((await connect(stalled.endpoint, silent, SEND_BUFFER))[0]);
    const payload = new Payload(SEND_BUFFER);
    for (const sender of senders) sender.trySend(payload.bytes);
    await full.promise;
    await Bun.sleep(REST);

    const request = new Payload(10);
    const begun = performance.now();
    for (const [client, server] of idle) {
      await client.send(request);
      expect(await server.read(request.length)).toEqual(request.received());
      await server.send(request);
      expect(await client.read(request.length)).toEqual(request.received());
    }
    expect(performance.now() - begun).toBeLessThan(REQUESTS_TAKE_MOST);
  },
);

test.each([
  ["goes on", false],
  ["stops", true],
])(
  "a relay that %s misses a Unix client that waited at the bound and leaves later",
  async (_, stops) => {
    using ends = new DisposableStack();
    const silent = new RawListener(path(`silent destination, ${stops}`), CONNECTIONS);
    ends.defer(() => silent.close());
    const { open } = relayOpener(1, { memory: boundOfThreads(1, MOST) });
    const full = Promise.withResolvers<void>();
    const freed = Promise.withResolvers<void>();
    await using stalled = await open({
      source: path("stalled source"),
      destination: silent.endpoint,
      drainTimeout: 0,
      observer: {
        full: () => full.resolve(),
        acceptingPaused: (_, change) => void (change < 0 && freed.resolve()),
      },
    });
    const views: ConnectionView[] = [];
    const endings: string[] = [];
    await using relay = await open({
      source: path("waiting source"),
      destination: path("absent destination"),
      connectRetry: 600_000,
      drainTimeout: 0,
      observer: {
        opened: (view) => void views.push(view),
        closed: (_, ending) => void endings.push(ending),
      },
    });
    const waiting = await RawSocket.connect(relay.endpoint);
    ends.defer(() => waiting.close());
    await until(() => views.length > 0, "the client that waits");
    const stalls: RawSocket[] = [];
    for (let count = 0; count < CONNECTIONS / 2; count += 1) {
      const sender = await RawSocket.connect(stalled.endpoint, { send: SEND_BUFFER });
      stalls.push(sender, await silent.accept());
    }
    const payload = new Payload(SEND_BUFFER);
    for (const end of stalls) if (end.label === "client") end.trySend(payload.bytes);
    await full.promise;
    const stopped = stops && relay.stop({ drainTimeout: 600_000, standstillTimeout: 600_000 });
    for (const end of stalls) end.close();
    await freed.promise;
    waiting.close();
    await until(() => endings.length > 0, "the relay to miss the client");
    expect(endings).toEqual(["client left"]);
    await stopped;
  },
);
