import { afterEach, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { type ConnectionView, createRelay, type SocketEndpoint } from "../../src/index.ts";
import { Payload } from "../support/sockets/payload.ts";
import { RawListener, RawSocket } from "../support/sockets/raw-socket.ts";
import { turn, until } from "../support/waiting.ts";
import { folderForTests } from "../support/temporary-folder.ts";

// What is in the middle of a connection whose TCP client dies while its destination does not read:
// more than a direction is to hold, and all of it is to arrive.

const MIB = 1024 * 1024;
const PIECE = 64 * 1024;

// More than all buffers between the two ends can hold.
const FLOOD = new Payload(256 * MIB);

const folder = folderForTests("dead-sender");
let names = 0;

const DESTINATIONS = [
  ["TCP", (): SocketEndpoint => ({ kind: "tcp", host: "127.0.0.1", port: 0 })],
  ["Unix", (): SocketEndpoint => ({ kind: "unix", path: join(folder, String((names += 1))) })],
] as const;

const WAYS = [
  ["the fast path", true],
  ["Bun's reads alone", false],
] as const;

const CASES = DESTINATIONS.flatMap(([kind, place]) =>
  WAYS.map(([way, fastPath]) => ({ kind, place, way, fastPath })),
);

const disposables: AsyncDisposable[] = [];
afterEach(disposeAll);

async function disposeAll(): Promise<void> {
  for (const one of disposables.splice(0)) await one[Symbol.asyncDispose]();
}

/** A relay and its client; in the end all descriptors must be closed, whatever it has in hand. */
async function start(listener: RawListener, fastPath: boolean) {
  const descriptors = openFiles();
  const views: ConnectionView[] = [];
  const endings: string[] = [];
  const relay = await createRelay({
    source: "127.0.0.1:0",
    destination: listener.endpoint,
    fastPath,
    observer: {
      opened: (view) => void views.push(view),
      closed: (_view, ending) => void endings.push(ending),
    },
  });
  const client = await RawSocket.connect(relay.endpoint);
  disposables.push({
    async [Symbol.asyncDispose]() {
      client.close();
      await relay.stop({ drainTimeout: 0 });
      await until(() => openFiles() <= descriptors, "all descriptors to be closed");
      listener.close();
    },
  });
  await until(() => views.length > 0, "the relay to accept");
  return { client, view: views[0] as ConnectionView, endings };
}

/** The same with a destination that was reached. */
async function startReached(endpoint: SocketEndpoint, fastPath: boolean) {
  const listener = new RawListener(endpoint);
  const relay = await start(listener, fastPath);
  const destination = await listener.accept();
  disposables.unshift({
    async [Symbol.asyncDispose]() {
      destination.close();
    },
  });
  return { ...relay, destination };
}

function openFiles(): number {
  return readdirSync("/proc/self/fd").length;
}

/**
 * Resets a client that has sent all that goes in, and returns how much of it had arrived. `before`
 * runs just before the reset, without a turn of the event loop in between.
 */
async function resetFull(client: RawSocket, view: ConnectionView, before = () => {}) {
  const sent = await client.fill(FLOOD);
  const arrived = sent - client.unsent;
  before();
  client.reset();
  await until(() => view.state === "closing", "the relay to hear of the reset");
  return arrived;
}

/**
 * Sees that all is passed on that had arrived before a reset; returns how much that was. With
 * `isWritten`, the relay hears of the reset by a write to the client.
 */
async function passAllOn(endpoint: SocketEndpoint, fastPath: boolean, isWritten: boolean) {
  const { client, destination, view, endings } = await startReached(endpoint, fastPath);
  const arrived = await resetFull(client, view, () => {
    // The kernel tells the relay of this byte before it tells of the reset.
    if (isWritten) destination.sendAtOnce(new Payload(1));
  });
  expect(view.heldUp).toBeLessThanOrEqual(MIB);
  const { ending, ...stream } = await destination.readToEnd();
  expect(stream).toEqual(FLOOD.received(arrived));
  expect(ending).toBe(destination.isTcp ? "ECONNRESET" : "end");
  destination.close();
  await until(() => endings.length > 0, "the connection to be over");
  expect(endings).toEqual(["client reset"]);
  expect(view.bytesUp).toBe(arrived);
  expect(view.heldUp).toBe(0);
  return arrived;
}

describe.each(CASES)("to $kind, by $way: a client that resets", ({ place, fastPath }) => {
  test.each([
    ["", false],
    [", also if a write meets the reset first", true],
  ])(
    "all that had arrived is passed on, and the relay does not hold more for it%s",
    async (_, isWritten) => {
      // More than a direction is to hold must have arrived once. The kernel, which chooses the size
      // of its buffers, takes less at some times.
      for (let tries = 0; tries < 10; tries += 1) {
        if ((await passAllOn(place(), fastPath, isWritten)) > MIB) return;
        await disposeAll();
      }
      throw new Error("the kernel never took more than a direction is to hold");
    },
  );

  test("a destination that goes, too: nothing is kept", async () => {
    const { client, destination, view, endings } = await startReached(place(), fastPath);
    await resetFull(client, view);
    destination.close();
    await until(() => endings.length > 0, "the connection to be over");
    expect(endings).toEqual(["client reset"]);
    expect(view.heldUp).toBe(0);
  });

  test("a relay that is stopped meanwhile: nothing is kept", async () => {
    const { client, view } = await startReached(place(), fastPath);
    await resetFull(client, view);
  });
});

test.each(CASES)(
  "to $kind, by $way: a client that resets before the destination answers: nothing is kept",
  async ({ place, fastPath }) => {
    const listener = new RawListener(place(), 0);
    // A queue of 0 has room for one.
    using _waiting = await RawSocket.connect(listener.endpoint);
    const { client, view, endings } = await start(listener, fastPath);
    await client.fill(FLOOD);
    expect(view.state).toBe("connecting");
    client.reset();
    await until(() => endings.length > 0, "the connection to be over");
    expect(endings).toEqual(["client left"]);
    expect(view.heldUp).toBe(0);
  },
);

describe.each(CASES)("to $kind, by $way: a client that closes", ({ place, fastPath }) => {
  test("behind an answer's end: all arrives, and the relay does not hold more for it", async () => {
    const { client, destination, view, endings } = await startReached(place(), fastPath);
    destination.halfClose();
    await client.readToEnd();
    const payload = new Payload(2 * MIB);
    await client.send(payload);
    client.close();
    expect(view.heldUp).toBeLessThanOrEqual(MIB);
    expect(await destination.readToEnd()).toEqual({ ...payload.received(), ending: "end" });
    destination.close();
    await until(() => endings.length > 0, "the connection to be over");
    expect(endings).toEqual(["finished"]);
  });

  test("and resets at once, behind an answer that it does not read: its end is clean", async () => {
    const { client, destination, view, endings } = await startReached(place(), fastPath);
    await destination.send(new Payload(MIB));
    destination.halfClose();
    await until(() => view.state === "destination ended", "the answer's end");
    const flood = FLOOD.first(await client.fill(FLOOD));
    // Only as much as lets the relay's kernel have all: it then has more than one of Bun's reads.
    let read = 0;
    for (; client.unsent > 0; read += PIECE) {
      expect(await destination.read(PIECE)).toEqual(flood.rest(read).received(PIECE));
      await turn();
    }
    client.halfClose();
    client.reset();
    expect(await destination.readToEnd()).toEqual({
      ...flood.rest(read).received(),
      ending: "end",
    });
    destination.close();
    await until(() => endings.length > 0, "the connection to be over");
    expect(endings).toEqual(["finished"]);
  });
});
