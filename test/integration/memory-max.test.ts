import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ConnectionView, createRelay, type SocketEndpoint } from "../../src/index.ts";
import { Payload } from "../support/sockets/payload.ts";
import { RawListener, RawSocket } from "../support/sockets/raw-socket.ts";
import { turn } from "../support/waiting.ts";

// All clients send at the same moment, and nobody reads. What a destination's socket does not take is held.

const KIB = 1024;
const MOST = 4 * KIB * KIB;
// One read of the thread: the read that reaches the bound.
const EXCESS_MOST = 1 * KIB * KIB;
const CONNECTIONS = 80;
// More than twice what a Unix socket takes if nobody has changed its buffer.
const SEND_BUFFER = 512 * KIB;
// Turns of the event loop in which a relay without a bound would have read all that was sent.
const TURNS = 20;

const folder = mkdtempSync(join(tmpdir(), "memory-max-"));
afterAll(() => rmSync(folder, { recursive: true }));

const path = (name: string): SocketEndpoint => ({ kind: "unix", path: join(folder, name) });

test("at memoryMax nothing more is held, who holds nothing is served, and all bytes arrive", async () => {
  const listener = new RawListener(path("destination"), CONNECTIONS + 1);
  const views: ConnectionView[] = [];
  const full = Promise.withResolvers<string>();
  await using relay = await createRelay({
    source: path("source"),
    destination: listener.endpoint,
    memoryMax: MOST,
    drainTimeout: 0,
    observer: {
      opened: (view) => void views.push(view),
      full: (_, limit) => full.resolve(limit),
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
  } finally {
    for (const end of [...clients, ...destinations]) end.close();
    listener.close();
  }
});
