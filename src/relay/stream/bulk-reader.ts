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
   * Reads once from a side into `held`, which must be empty. Returns the number of bytes, 0 at the end
   * of the stream, or a negative errno. After a write, call `keep` if bytes are left in `held`.
   */
  read(from: Side, to: Side, held: HeldBytes): number {
    const alone = this.#turnsOfOthers === 0;
    if (!alone) this.#turnsOfOthers -= 1;
    if (from.isTcp || !to.isTcp) {
      held.kernelPipe ??= this.#kernelPipes.borrow();
      const moved = held.kernelPipe?.fill(from.fd, alone ? SPLICED_MOST : SPLICED_LEAST);
      if (moved !== undefined && moved !== -constants.errno.EINVAL) return moved;
      this.release(held);
    }
    const most = alone ? COPIED_MOST : COPIED_LEAST;
    const length = this.#system.receive(from.fd, this.#buffer, most);
    if (length > 0) held.add(this.#buffer.subarray(0, length));
    return length;
  }

  /** Makes the bytes that are left in `held` survive the next read. */
  keep(held: HeldBytes): void {
    if (held.kernelPipe === null) held.copyLast();
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
