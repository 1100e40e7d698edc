import { constants } from "node:os";
import type { Libc } from "../../os/libc.ts";
import type { HeldBytes } from "./held-bytes.ts";
import { CAPACITY, KernelPipes } from "./kernel-pipe.ts";
import type { Side } from "./side.ts";

/** A chunk of this many bytes is likely to have more behind it. */
export const LARGE = 64 * 1024;

/** A chunk of fewer bytes is likely to be a request, or an answer to one. */
export const SMALL = 16 * 1024;

// Bytes read at once, with nothing else to do: fewer wake-ups of both ends for the same bytes.
const COPIED_MOST = 256 * 1024;
const SPLICED_MOST = CAPACITY;
// And while other connections move too, which wait for it.
const COPIED_LEAST = 32 * 1024;
const SPLICED_LEAST = 128 * 1024;

// How many turns that lasts after a small chunk: about a millisecond.
const TURNS_OF_OTHERS = 64;

/**
 * Reads what comes fast by system calls of the relay's own, because Bun makes a buffer of up to
 * 512 KiB for each read: for a gigabyte that costs a third more. Where pages can be handed on no byte
 * is copied at all; that a Unix socket's pages go to TCP costs more than the copies (PROFILE.md).
 */
export class BulkReader {
  readonly #system: Libc;
  readonly #kernelPipes: KernelPipes;
  // One for all: what is read is written, or copied, before anything else is read.
  readonly #buffer = new Uint8Array(COPIED_MOST);
  #turnsOfOthers = 0;

  constructor(system: Libc) {
    this.#system = system;
    this.#kernelPipes = new KernelPipes(system);
  }

  /** Says that a small chunk went by, whose sender may be waiting for an answer. */
  small(): void {
    this.#turnsOfOthers = TURNS_OF_OTHERS;
  }

  /**
   * Reads once from a side into `held`, which is empty: how many bytes, 0 at the end of the stream,
   * or a negative errno. What is left of it after a write to the other side must be `keep`-ed.
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

  /** Makes what is left of a read last beyond the next one. */
  keep(held: HeldBytes): void {
    if (held.kernelPipe === null) held.copyLast();
  }

  /** Takes back what was lent for the reads of a direction that go on no more. */
  release(held: HeldBytes): void {
    const { kernelPipe } = held;
    if (kernelPipe === null) return;
    held.kernelPipe = null;
    this.#kernelPipes.giveBack(kernelPipe);
  }

  /** Keeps nothing open: there is no connection. */
  rest(): void {
    this.#kernelPipes.closeFree();
  }
}
