import { afterEach, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { ECONNRESET } from "../../../../src/os/errno.ts";
import { HeldBytes } from "../../../../src/relay/stream/held-bytes.ts";
import { FailedSocketBytes } from "../../../../src/relay/stream/unread-bytes-of-failed-socket.ts";
import { Side } from "../../../../src/relay/stream/side.ts";
import { Payload } from "../../../support/sockets/payload.ts";
import { RawListener, RawSocket } from "../../../support/sockets/raw-socket.ts";

const KIB = 1024;
// What a new connection's receive buffer takes.
const payload = new Payload(50 * KIB);

const disposables = new DisposableStack();
afterEach(() => disposables.dispose());

class Sender extends Side {
  readonly isTcp = true;
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
