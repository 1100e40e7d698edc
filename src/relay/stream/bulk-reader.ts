import { constants } from "node:os";
import type { Libc } from "../../os/libc.ts";
import type { HeldBytes } from "./held-bytes.ts";
import { CAPACITY, KernelPipes } from "./kernel-pipe.ts";
import type { Side } from "./side.ts";

/** From this size on, a chunk is likely to be followed by more. */
export const LARGE = 64 * 1024;

// Below this size, a chunk is likely to be a request, or the answer to one.
const SMALL = 16 * 1024;

// The most that one read takes if no other connection waits: large reads wake both ends less often.
const COPIED_MOST = 256 * 1024;
const SPLICED_MOST = CAPACITY;
// The most if other connections wait for their turn.
const COPIED_LEAST = 32 * 1024;
const SPLICED_LEAST = 128 * 1024;

// The least that one read takes if the other side has room. More than the room costs little: the kernel
// takes whole the write with which a socket becomes full.
const ROOM_LEAST = 32 * 1024;

// What a read takes if the other side has no room: the write that comes short makes Bun wait for room.
const SAMPLE = 1;

// A TCP socket exceeds its buffer by one segment at most. If it does so by more, the kernel has made the
// buffer smaller, because all TCP sockets together hold too much (tcp(7), tcp_mem).
const EXCESS_MOST = 64 * 1024;
// For so many milliseconds afterwards no room of TCP sockets is counted on.
const SCARCITY = 10_000;

// A stalled direction keeps no kernel pipe for fewer bytes.
const PIPED_LEAST = 64 * 1024;

// For so many reads after a small chunk other connections are taken to wait: about a millisecond.
const TURNS_OF_OTHERS = 64;

let ofThread: BulkReader | undefined;

/** The one of this thread, whose buffer and kernel pipes all relays share. */
export function threadBulkReader(system: Libc): BulkReader {
  return (ofThread ??= new BulkReader(system));
}

/**
 * Reads bulk by system calls of the relay's own. Bun allocates a buffer of up to 512 KiB for each read,
 * which makes a gigabyte a third dearer. splice(2) passes pages on without a copy. Only from Unix to TCP
 * that costs more than copying, so there the bytes are copied (PROFILE.md).
 */
export class BulkReader {
  readonly #system: Libc;
  readonly #kernelPipes: KernelPipes;
  // Shared by all pipes: bytes are written or copied out of it before the next read.
  readonly #buffer = new Uint8Array(COPIED_MOST);
  #turnsOfOthers = 0;
  /** Until when no room of TCP sockets is counted on, by `performance.now()`; 0 if it is. */
  #scarceUntil = 0;
  /** Relays that have a connection. */
  #users = 0;

  constructor(system: Libc) {
    this.#system = system;
    this.#kernelPipes = new KernelPipes(system);
  }

  /** A chunk went by. The sender of a small one may wait for an answer, so reads are short for a while. */
  chunkPassed(length: number): void {
    if (length < SMALL) this.#turnsOfOthers = TURNS_OF_OTHERS;
  }

  /**
   * Reads once from a side into `held`, which must be empty, and no more than `to` has room for. Returns
   * the number of bytes, 0 at the end of the stream, or a negative errno. After a write, call `keep` if
   * bytes are left in `held`.
   *
   * @param sparing - whether all connections hold so much that no room is counted on
   */
  read(from: Side, to: Side, held: HeldBytes, sparing: boolean): number {
    const alone = this.#turnsOfOthers === 0;
    if (!alone) this.#turnsOfOthers -= 1;
    const splices = from.isTcp || !to.isTcp;
    if (splices) held.kernelPipe ??= this.#kernelPipes.borrow();
    // A Unix receiver has little room, even if it reads as fast as it can. A full pipe wakes the sender less
    // often. There are few pipes, so slow receivers cannot make many directions hold so much.
    const isAhead = held.receiverReads && held.kernelPipe !== null && !to.isTcp && !sparing;
    const most = isAhead ? Infinity : this.#roomOf(to, sparing);
    if (most === SAMPLE) {
      this.release(held);
    } else if (held.kernelPipe !== null) {
      const moved = held.kernelPipe.fill(
        from.fd,
        Math.min(most, alone ? SPLICED_MOST : SPLICED_LEAST),
      );
      if (moved !== -constants.errno.EINVAL) return moved;
      this.release(held);
    }
    return this.#copy(from, held, Math.min(most, alone ? COPIED_MOST : COPIED_LEAST));
  }

  /** Whether a side with room takes as much. */
  countsOnRoom(to: Side): boolean {
    if (this.#scarceUntil === 0 || !to.isTcp) return true;
    if (performance.now() >= this.#scarceUntil) this.#scarceUntil = 0;
    return this.#scarceUntil === 0;
  }

  /** The most that one read may take, so that `to` has room for it. */
  #roomOf(to: Side, sparing: boolean): number {
    const room = to.takesNow();
    if (room <= 0) return SAMPLE;
    return !sparing && this.countsOnRoom(to) ? Math.max(room, ROOM_LEAST) : ROOM_LEAST;
  }

  #copy(from: Side, held: HeldBytes, most: number): number {
    const length = this.#system.receive(from.fd, this.#buffer, most);
    if (length > 0) held.add(this.#buffer.subarray(0, length));
    return length;
  }

  /** `to` did not take all of a large chunk or read. */
  cameShort(to: Side): void {
    if (to.isTcp && to.takesNow() < -EXCESS_MOST) this.#scarceUntil = performance.now() + SCARCITY;
  }

  /** Makes the bytes that are left in `held` survive the next read. */
  keep(held: HeldBytes): void {
    const { kernelPipe } = held;
    if (kernelPipe === null) {
      held.copyLast();
    } else if (!held.receiverReads && kernelPipe.bytes < PIPED_LEAST) {
      held.takeOut(kernelPipe.bytes);
      this.release(held);
    }
  }

  /** Takes back what `read` lent to `held`, because a direction does no more own reads. */
  release(held: HeldBytes): void {
    const { kernelPipe } = held;
    if (kernelPipe === null) return;
    held.kernelPipe = null;
    this.#kernelPipes.giveBack(kernelPipe);
  }

  /** A relay has its first connection. */
  join(): void {
    this.#users += 1;
  }

  /** A relay has no connection any more. Without any, no descriptor is kept for later. */
  leave(): void {
    this.#users -= 1;
    if (this.#users === 0) this.#kernelPipes.closeFree();
  }
}
