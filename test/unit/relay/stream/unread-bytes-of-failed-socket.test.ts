import { afterEach, beforeEach, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { ECONNRESET, EPIPE } from "../../../../src/os/errno.ts";
import { HeldBytes } from "../../../../src/relay/stream/held-bytes.ts";
import { FailedSocketBytes } from "../../../../src/relay/stream/unread-bytes-of-failed-socket.ts";
import { Side } from "../../../../src/relay/stream/side.ts";
import { Payload } from "../../../support/sockets/payload.ts";
import { must, system } from "../../../support/process/system-calls.ts";
import { RawListener, RawSocket } from "../../../support/sockets/raw-socket.ts";
import { socketPair } from "../../../support/sockets/socket-pair.ts";

const KIB = 1024;
// What a new connection's receive buffer takes.
const payload = new Payload(50 * KIB);

let disposables: DisposableStack;
beforeEach(() => void (disposables = new DisposableStack()));
afterEach(() => disposables.dispose());

class Sender extends Side {
  constructor(readonly isTcp = true) {
    super();
  }
}

/** Takes so many bytes. */
class Receiver extends Side {
  readonly isTcp = true;
  room = 0;

  override write(bytes: Uint8Array): number {
    const taken = Math.min(bytes.length, this.room);
    this.room -= taken;
    return taken;
  }
}

test("what a failed side left counts as pending, and is read and closed when there is room", async () => {
  const listener = disposables.use(new RawListener({ kind: "tcp", host: "127.0.0.1", port: 0 }));
  const peer = disposables.use(await RawSocket.connect(listener.endpoint));
  const own = disposables.use(await listener.accept());
  const from = new Sender();
  from.fd = own.fd;
  peer.sendAtOnce(payload);
  expect(FailedSocketBytes.of(from)).toBeNull();
  expect(from.errno).toBe(0);

  peer.reset();
  await own.hangUp();
  const descriptors = readdirSync("/proc/self/fd").length;
  const remains = FailedSocketBytes.of(from);
  expect(from.errno).toBe(ECONNRESET);
  expect(remains?.bytes).toBe(payload.length);

  const held = new HeldBytes();
  held.remains = remains;
  expect([held.bytes, held.pending]).toEqual([0, payload.length]);
  const to = new Receiver();
  to.room = 10 * KIB;
  expect(held.writeTo(to)).toBe(0);
  expect([held.bytes, held.pending]).toEqual([40 * KIB, 40 * KIB]);
  expect(readdirSync("/proc/self/fd")).toHaveLength(descriptors);
});

// No error is in the sockets of these sides: a call before has removed the error.
test.each([
  { name: "a TCP side whose reset a write met", isTcp: true, errno: ECONNRESET, isKept: true },
  { name: "a TCP side that reset after its end", isTcp: true, errno: EPIPE, isKept: true },
  {
    name: "a Unix side that closed with unread bytes",
    isTcp: false,
    errno: ECONNRESET,
    isKept: true,
  },
  { name: "a Unix side that may only read no more", isTcp: false, errno: EPIPE, isKept: false },
])("$name: its unread bytes are kept: $isKept", ({ isTcp, errno, isKept }) => {
  const pair = disposables.use(socketPair());
  must("send", system.send(pair.one, payload.bytes));
  const from = new Sender(isTcp);
  from.fd = pair.other;
  from.failed(errno);
  const remains = FailedSocketBytes.of(from);
  expect(remains?.bytes).toBe(isKept ? payload.length : undefined);
  remains?.close();
});
