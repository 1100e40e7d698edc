import { expect, test } from "bun:test";
import { join } from "node:path";
import { type ConnectionView, createRelay, type SocketEndpoint } from "../../src/index.ts";
import { DIRECTIONS, type Kind } from "../fidelity/directions.ts";
import { Payload } from "../support/sockets/payload.ts";
import { RawListener, RawSocket } from "../support/sockets/raw-socket.ts";
import { until } from "../support/waiting.ts";
import { folderForTests } from "../support/temporary-folder.ts";

// What the relay holds for connections both of whose sides send and do not read. One stalled
// destination may stall all its clients, so the memory of a stalled connection decides whether the
// relay survives it.

const KIB = 1024;
const CONNECTIONS = 20;
// A promise of the README: on average at most this much a direction.
const HELD_MOST = 64 * KIB;

// More than all buffers between the two ends can hold.
const FLOOD = new Payload(256 * KIB * KIB);

const folder = folderForTests("stalled");
let names = 0;

function place(kind: Kind): SocketEndpoint {
  if (kind === "tcp") return { kind: "tcp", host: "127.0.0.1", port: 0 };
  return { kind: "unix", path: join(folder, String((names += 1))) };
}

test.each(DIRECTIONS.filter(({ destination }) => destination === "unix"))(
  "$name: a few bytes and an end behind many, to a receiver that has not read: they arrive",
  async ({ source, destination }) => {
    const listener = new RawListener(place(destination));
    await using relay = await createRelay({
      source: place(source),
      destination: listener.endpoint,
      drainTimeout: 0,
    });
    const client = await RawSocket.connect(relay.endpoint);
    const receiver = await listener.accept();
    try {
      // More than a quarter of what a Unix socket takes: it then has little room.
      const many = new Payload(100 * KIB);
      await client.send(many);
      await until(() => receiver.unread === many.length, "the many");
      await client.send(new Payload(10));
      await until(() => receiver.unread === many.length + 10, "the few");
      client.halfClose();
      expect(await receiver.read(many.length)).toEqual(many.received());
      const { ending, length } = await receiver.readToEnd();
      expect({ ending, length }).toEqual({ ending: "end", length: 10 });
    } finally {
      client.close();
      receiver.close();
      listener.close();
    }
  },
);

test.each(DIRECTIONS)(
  "$name, stalled both ways: little is held, and all of it arrives",
  async ({ source, destination }) => {
    const listener = new RawListener(place(destination), CONNECTIONS);
    const views: ConnectionView[] = [];
    await using relay = await createRelay({
      source: place(source),
      destination: listener.endpoint,
      drainTimeout: 0,
      observer: { opened: (view) => void views.push(view) },
    });
    const clients: RawSocket[] = [];
    const destinations: RawSocket[] = [];
    try {
      for (let count = 0; count < CONNECTIONS; count += 1) {
        clients.push(await RawSocket.connect(relay.endpoint));
        destinations.push(await listener.accept());
      }
      await until(() => views.length === CONNECTIONS, "the relay to have accepted all");
      const sent = await Promise.all([...clients, ...destinations].map((end) => end.fill(FLOOD)));
      const held = views.map(({ heldUp, heldDown }) => heldUp + heldDown);
      const heldTogether = held.reduce((sum, bytes) => sum + bytes, 0);
      expect(heldTogether / CONNECTIONS / 2).toBeLessThanOrEqual(HELD_MOST);
      expect(await destinations[0]?.read(sent[0] ?? 0)).toEqual(FLOOD.received(sent[0] ?? 0));
      const back = sent[CONNECTIONS] ?? 0;
      expect(await clients[0]?.read(back)).toEqual(FLOOD.received(back));
    } finally {
      for (const end of [...clients, ...destinations]) end.close();
      listener.close();
    }
  },
);
