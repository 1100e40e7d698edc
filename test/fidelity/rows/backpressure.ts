import { expect } from "bun:test";
import { Payload } from "../../support/sockets/payload.ts";
import type { RawSocket } from "../../support/sockets/raw-socket.ts";
import { relaySocket } from "./relay-socket.ts";
import { eitherEnd, expectWhole, type Row } from "./row.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

// More than all buffers between two ends can hold: tcp_rmem, tcp_wmem and the relay's own.
const FLOOD = 256 * MIB;

/** The relay holds at most this much a direction. */
const HELD_MOST = MIB;

/**
 * Small buffers of the test's own ends, so that what is in the middle is what is measured. A TCP
 * window of few segments (64 KiB on loopback) would make the kernel's own timers the measure.
 */
export const SMALL_BUFFERS = { send: 64 * KIB, receive: 256 * KIB };

// What a Unix socket that was sent to holds for its reader cannot be asked from outside; it is at
// most the sender's buffer, which the kernel doubles.
const UNIX_SLACK = 2 * SMALL_BUFFERS.send;

/** Stops reading: its peer's writes block after a bounded amount. */
export const backpressureRows: readonly Row[] = [
  ...eitherEnd({
    name: "a % that stops reading: its peer blocks, the relay holds at most 1 MiB, then all arrives",
    sleeps: true,
    buffers: SMALL_BUFFERS,
    async run({ near, far }) {
      const payload = new Payload(FLOOD);
      const sent = await far.fill(payload);
      const held = heldByRelay(far, near, sent);
      expect(held).toBeLessThanOrEqual(HELD_MOST + (far.isTcp ? 0 : UNIX_SLACK));
      const reading = near.readToEnd();
      const rest = new Payload(sent + 4 * MIB);
      expect(await far.pour(rest, sent)).toEqual({ sent: 4 * MIB, failure: null });
      far.halfClose();
      expectWhole(await reading, rest);
    },
  }),

  ...eitherEnd({
    name: "a % that stops reading goes on writing",
    sleeps: true,
    async run({ near, far }) {
      const flood = new Payload(FLOOD, 1);
      const sent = await far.fill(flood, 100);
      const payload = new Payload(4 * MIB, 2);
      const reading = far.readToEnd();
      await near.send(payload);
      near.halfClose();
      expectWhole(await reading, payload);
      far.halfClose();
      expect(await near.readToEnd()).toEqual({ ...flood.received(sent), ending: "end" });
    },
  }),

  ...eitherEnd({
    name: "a % that reads in fits and starts gets all of it",
    async run({ near, far }) {
      const payload = new Payload(8 * MIB);
      const sending = far.send(payload).then(() => far.halfClose());
      const read = new Bun.CryptoHasher("sha256");
      let length = 0;
      for (let round = 0; ; round += 1) {
        const received = await near.receive(1 + ((round * 7_919) % (256 * KIB)));
        if (received === "end") break;
        if (typeof received === "string") throw new Error(received);
        read.update(received);
        length += received.length;
        // A pause in which the buffers before it fill up.
        if (round % 16 === 0) await Bun.sleep(5);
      }
      await sending;
      expect({ length, sha256: read.digest("hex") }).toEqual(payload.received());
    },
  }),

  ...eitherEnd({
    name: "both stop reading, the % starts again first: all arrives both ways",
    sleeps: true,
    async run({ near, far }) {
      const [toFar, toNear] = [new Payload(FLOOD, 1), new Payload(FLOOD, 2)];
      const [sentByNear, sentByFar] = await Promise.all([
        near.fill(toFar, 100),
        far.fill(toNear, 100),
      ]);
      far.halfClose();
      expect(await near.readToEnd()).toEqual({ ...toNear.received(sentByFar), ending: "end" });
      near.halfClose();
      expect(await far.readToEnd()).toEqual({ ...toFar.received(sentByNear), ending: "end" });
    },
  }),
];

/**
 * How many of `sent` bytes are in the relay itself: all but those that the kernel holds for it, or
 * for the ends.
 */
function heldByRelay(from: RawSocket, to: RawSocket, sent: number): number {
  const waiting = from.isTcp ? from.unsent + (relaySocket(from)()?.unread ?? 0) : 0;
  const passedOn = to.unread + (to.isTcp ? (relaySocket(to)()?.unsent ?? 0) : 0);
  return sent - waiting - passedOn;
}
