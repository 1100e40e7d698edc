import { expect, spyOn, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { targetOf } from "../../src/address/resolve-destination.ts";
import type { SocketAddress } from "../../src/address/socket-address.ts";
import { createRelay, type RelayOptions } from "../../src/index.ts";
import { Connection } from "../../src/relay/connection/connection.ts";
import { POLLOUT, system } from "../support/process/system-calls.ts";
import { RawListener, RawSocket } from "../support/sockets/raw-socket.ts";
import { folderForTests } from "../support/temporary-folder.ts";
import { PATIENCE, until } from "../support/waiting.ts";

// What ends an attempt to reach the destination, and what does not.

const folder = folderForTests("connect-limits");

test("connectRetry ends a wait at a destination whose queue is still full", async () => {
  using listener = new RawListener({ kind: "unix", path: join(folder, "full") }, 0);
  // A queue of 0 has room for one.
  using _waiting = await RawSocket.connect(listener.endpoint);
  const messages: string[] = [];
  await using relay = await createRelay({
    source: "127.0.0.1:0",
    destination: listener.endpoint,
    // The attempt counts as one that retries from this time on.
    connectTimeout: 100,
    connectRetry: 300,
    drainTimeout: 0,
    observer: { unreachable: (_, { message }) => void messages.push(message) },
  });
  using client = await RawSocket.connect(relay.endpoint);
  expect(await client.readToEnd()).toMatchObject({ length: 0, ending: "ECONNRESET" });
  expect(messages).toEqual([expect.stringContaining("queue of clients stayed full")]);
});

const LOOPBACK = { kind: "tcp", host: "127.0.0.1", port: 0 } as const;

type Query = PromiseWithResolvers<readonly SocketAddress[]>;

/** A relay whose destination is a name, and its client. The test is the name's resolver. */
async function resolvedByTest(options: Partial<RelayOptions> = {}) {
  const queries: Query[] = [];
  const connections: Connection[] = [];
  const events: string[] = [];
  const relay = await createRelay({
    source: LOOPBACK,
    destination: "service.invalid:1",
    drainTimeout: 0,
    ...options,
    observer: {
      opened(view) {
        if (!(view instanceof Connection)) throw new Error("a view is a connection");
        connections.push(view);
        spyOn(view.shared.target, "addresses").mockImplementation(() => {
          const query: Query = Promise.withResolvers();
          queries.push(query);
          return query.promise;
        });
      },
      connected: ({ destinationAddress }) => void events.push(destinationAddress),
      unreachable: () => void events.push("unreachable"),
    },
  });
  const client = await RawSocket.connect(relay.endpoint);
  await until(() => queries.length > 0, "the first query");
  return {
    ...{ client, queries, events, connection: connections[0] as Connection },
    async [Symbol.asyncDispose]() {
      client.close();
      await relay.stop({ drainTimeout: 0 });
    },
  };
}

function addressesOf(...listeners: readonly RawListener[]): readonly SocketAddress[] {
  return listeners.flatMap(({ endpoint }) => {
    const addresses = targetOf(endpoint).addresses();
    if (!Array.isArray(addresses)) throw new Error("an address needs no resolver");
    return addresses as readonly SocketAddress[];
  });
}

/** A destination that answers no connect, until `makeRoom` is called. */
async function fullListener() {
  const listener = new RawListener(LOOPBACK, 0);
  const waiting = await RawSocket.connect(listener.endpoint);
  return {
    listener,
    makeRoom: () => listener.tryAccept()?.close(),
    [Symbol.dispose]() {
      waiting.close();
      listener.close();
    },
  };
}

test("an answer of the resolver that comes after the end of its try opens nothing", async () => {
  using full = await fullListener();
  using listener = new RawListener(LOOPBACK);
  await using bench = await resolvedByTest({ connectRetry: 60_000 });
  const { connection, queries, events } = bench;
  const descriptors = readdirSync("/proc/self/fd").length;
  // The try has taken too long. The next one comes in a millisecond, at the earliest.
  connection.attempt?.expire();
  queries[0]?.resolve(addressesOf(full.listener));
  await until(() => queries.length === 2, "the next try");
  expect(readdirSync("/proc/self/fd")).toHaveLength(descriptors);
  queries[1]?.resolve(addressesOf(listener));
  using _destination = await listener.accept();
  expect(events).toEqual([addressesOf(listener)[0]?.text ?? ""]);
});

test.each([1, 2])(
  "a connect that succeeds before connectTimeout counts, also if the timer comes first (%d addresses)",
  async (count) => {
    using full = await fullListener();
    using other = await fullListener();
    await using bench = await resolvedByTest();
    const { connection, queries, events } = bench;
    queries[0]?.resolve(addressesOf(...[full.listener, other.listener].slice(0, count)));
    await until(() => connection.destination.socket !== null, "the connect to begin");
    full.makeRoom();
    // The process is busy, so it hears nothing: the kernel sends its SYN again after a second.
    const { fd } = connection.destination;
    expect(system.poll([{ fd, events: POLLOUT }], PATIENCE)).toEqual([POLLOUT]);
    connection.attempt?.expire();
    expect(events).toEqual([addressesOf(full.listener)[0]?.text ?? ""]);
  },
);
