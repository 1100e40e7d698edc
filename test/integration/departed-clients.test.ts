import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { type ConnectionView, createRelay, type SocketEndpoint } from "../../src/index.ts";
import { Payload } from "../support/sockets/payload.ts";
import { RawListener, RawSocket } from "../support/sockets/raw-socket.ts";
import { folderForTests } from "../support/temporary-folder.ts";
import { until } from "../support/waiting.ts";

// A client that has sent bytes and left, unanswered, gives up its place, and its destination loses
// nothing. A client that only ended its stream goes on waiting for its answer.

const folder = folderForTests("departed-clients");
let names = 0;

const PLACES = {
  TCP: (): SocketEndpoint => ({ kind: "tcp", host: "127.0.0.1", port: 0 }),
  Unix: (): SocketEndpoint => ({ kind: "unix", path: join(folder, String((names += 1))) }),
};

const KINDS = ["TCP", "Unix"] as const;
const DIRECTIONS = KINDS.flatMap((source) => KINDS.map((destination) => ({ source, destination })));

const FULL = { connectionsMax: 1 };
// The relay's first look at a client that has ended its stream comes after a second.
const LOOKED = 1_500;
// A destination that lingers ends after this time, far beyond the test's own.
const LINGER_LONG = 120_000;

const payload = new Payload(1_000);

interface Limits {
  readonly connectionsMax?: number;
  readonly lingerTimeout?: number;
}

/** A connection whose client has sent the payload and ended its stream. */
async function start({ source, destination }: (typeof DIRECTIONS)[number], limits: Limits) {
  const listener = new RawListener(PLACES[destination]());
  const views: ConnectionView[] = [];
  const endings: string[] = [];
  const relay = await createRelay({
    source: PLACES[source](),
    destination: listener.endpoint,
    ...limits,
    observer: {
      opened: (view) => void views.push(view),
      closed: (_view, ending) => void endings.push(ending),
    },
  });
  const client = await RawSocket.connect(relay.endpoint);
  const server = await listener.accept();
  const since = performance.now();
  client.sendAtOnce(payload);
  client.halfClose();
  await until(() => views[0]?.state === "client ended", "the relay to hear of the end of stream");
  return {
    client,
    server,
    endings,
    since,
    async [Symbol.asyncDispose]() {
      for (const one of [client, server, listener]) one.close();
      await relay.stop({ drainTimeout: 0 });
    },
  };
}

describe.each(DIRECTIONS)("from $source to $destination", (direction) => {
  test.concurrent("a client that leaves a full relay makes room, and nothing is lost", async () => {
    await using bench = await start(direction, { ...FULL, lingerTimeout: LINGER_LONG });
    const { client, server, endings } = bench;
    client.close();
    await until(() => endings.length > 0, "the place to be free", 50_000);
    // Only now does the destination read.
    expect(await server.readToEnd()).toEqual({ ...payload.received(), ending: "end" });
    expect(server.trySend(payload.bytes)).toBe("EPIPE");
  });

  test.concurrent("a client that stays at a full relay gets its answer", async () => {
    await using bench = await start(direction, FULL);
    const { client, server } = bench;
    await Bun.sleep(LOOKED);
    expect(await server.readToEnd()).toEqual({ ...payload.received(), ending: "end" });
    server.sendAtOnce(payload);
    server.close();
    expect(await client.readToEnd()).toEqual({ ...payload.received(), ending: "end" });
  });

  test.concurrent("a relay that has places waits longer, and lets go, too", async () => {
    await using bench = await start(direction, { lingerTimeout: 4_000 });
    const { client, server, endings, since } = bench;
    client.close();
    await until(() => endings.length > 0, "the connection to be over", 50_000);
    // Half of `lingerTimeout` after the end of stream.
    expect(performance.now() - since).toBeGreaterThanOrEqual(2_000);
    expect(await server.readToEnd()).toEqual({ ...payload.received(), ending: "end" });
  });
});
