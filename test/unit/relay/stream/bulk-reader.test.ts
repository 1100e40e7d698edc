import { expect, test } from "bun:test";
import { libc } from "../../../../src/os/libc.ts";
import { BulkReader } from "../../../../src/relay/stream/bulk-reader.ts";
import { HeldBytes } from "../../../../src/relay/stream/held-bytes.ts";
import { Side } from "../../../../src/relay/stream/side.ts";
import { must, system } from "../../../support/process/system-calls.ts";
import { socketPair } from "../../../support/sockets/socket-pair.ts";

const KIB = 1024;

class Sender extends Side {
  readonly isTcp = false;
}

/** A receiver that reports `room`. */
class Receiver extends Side {
  constructor(
    readonly isTcp: boolean,
    readonly room: number,
  ) {
    super();
  }

  override takesNow(): number {
    return this.room;
  }
}

/** The size of one read from a sender that has sent 100 KiB. */
function readFor(to: Receiver, sparing: boolean): number {
  return readsFor([to], sparing)[0] ?? 0;
}

/** The sizes of reads of one direction from a sender that has sent 100 KiB, one for each. */
function readsFor(receivers: readonly Receiver[], sparing: boolean): number[] {
  if (libc === null) throw new Error("this test needs the C library through bun:ffi");
  const bulk = new BulkReader(libc);
  bulk.join();
  using pair = socketPair();
  must("send", system.send(pair.one, new Uint8Array(100 * KIB)));
  const from = new Sender();
  from.fd = pair.other;
  const held = new HeldBytes();
  const lengths = receivers.map((to) => {
    const length = bulk.read(from, to, held, sparing);
    held.kernelPipe?.read(length);
    held.drop();
    return length;
  });
  bulk.release(held);
  bulk.leave();
  return lengths;
}

test.each([true, false])(
  "if all connections hold too much, a read never exceeds the room (TCP: %p)",
  (isTcp) => {
    const sizes = [0, 1, 1000, 64 * KIB].map((room) => readFor(new Receiver(isTcp, room), true));
    expect(sizes).toEqual([1, 1, 1000, 32 * KIB]);
  },
);

test.each([true, false])("otherwise a read may exceed a small room (TCP: %p)", (isTcp) => {
  const sizes = [0, 1000, 64 * KIB].map((room) => readFor(new Receiver(isTcp, room), false));
  expect(sizes).toEqual([1, 32 * KIB, 64 * KIB]);
});

test.each([true, false])(
  "while a receiver takes bytes without room, reads grow up to 1 KiB (TCP: %p)",
  (isTcp) => {
    const full = new Receiver(isTcp, 0);
    const reads = Array.from({ length: 12 }, () => full);
    expect(readsFor(reads, false)).toEqual([
      ...[1, 2, 4, 8, 16, 32, 64, 128, 256, 512],
      ...[1024, 1024],
    ]);
    expect(readsFor(reads, true)).toEqual(reads.map(() => 1));
    // Once the receiver had room again, the next reads without room begin small.
    const receivers = [full, full, full, new Receiver(isTcp, 1000), full, full];
    expect(readsFor(receivers, false)).toEqual([1, 2, 4, 32 * KIB, 1, 2]);
  },
);

test("the kernel is not asked for the room while the receiver has much, unless reads must be small", () => {
  const questions: boolean[] = [];
  class Asked extends Receiver {
    override get roomLeast(): number {
      return 256 * KIB;
    }

    override takesNow(): number {
      questions.push(true);
      return super.takesNow();
    }
  }
  expect(readFor(new Asked(true, 1000), false)).toBe(100 * KIB);
  expect(questions).toEqual([]);
  expect(readFor(new Asked(true, 1000), true)).toBe(1000);
  expect(questions).toEqual([true]);
});

test.each([
  ["a full buffer and the last segment", 66_306, true],
  ["a buffer that the kernel has reduced to half of its contents", 128 * KIB, false],
])("after a short write to %s, the room of TCP sockets is trusted: %p", (_, excess, trusted) => {
  if (libc === null) throw new Error("this test needs the C library through bun:ffi");
  const bulk = new BulkReader(libc);
  bulk.cameShort(new Receiver(true, -excess));
  expect(bulk.countsOnRoom(new Receiver(true, 0))).toBe(trusted);
  expect(bulk.countsOnRoom(new Receiver(false, 0))).toBe(true);
});
