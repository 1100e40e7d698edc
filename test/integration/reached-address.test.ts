import { expect, test } from "bun:test";
import { type ConnectionView, createRelay } from "../../src/index.ts";
import { RawListener, RawSocket } from "../support/sockets/raw-socket.ts";
import { until } from "../support/waiting.ts";

test.each([1, 3])(
  "of a destination with two addresses, the one that answered is told (%d workers)",
  async (workers) => {
    // Only one of localhost's addresses has somebody who listens.
    using listener = new RawListener({ kind: "tcp", host: "127.0.0.1", port: 0 });
    const { endpoint } = listener;
    if (endpoint.kind !== "tcp") throw new Error("a TCP listener has a TCP endpoint");
    const seen: Pick<ConnectionView, "openedAt" | "connectedAt" | "destinationAddress">[] = [];
    const see = ({ openedAt, connectedAt, destinationAddress }: ConnectionView) =>
      void seen.push({ openedAt, connectedAt, destinationAddress });
    await using relay = await createRelay({
      source: "127.0.0.1:0",
      destination: `localhost:${endpoint.port}`,
      workers,
      observer: { opened: see, connected: see, closed: see },
    });
    const client = await RawSocket.connect(relay.endpoint);
    await until(() => seen.length === 2, "the destination");
    client.reset();
    await until(() => seen.length === 3, "the end");
    const [opened, connected, closed] = seen;
    expect(opened).toMatchObject({ connectedAt: null, destinationAddress: "" });
    expect(connected?.destinationAddress).toBe(`127.0.0.1:${endpoint.port}`);
    const { openedAt = Infinity, connectedAt } = connected ?? {};
    expect(connectedAt).toBeWithin(openedAt, performance.now());
    expect([closed]).toEqual([connected]);
  },
);
