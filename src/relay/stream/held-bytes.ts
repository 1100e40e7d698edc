import { EAGAIN } from "../../os/errno.ts";
import type { KernelPipe } from "./kernel-pipe.ts";
import type { FailedSocketBytes } from "./failed-socket-bytes.ts";
import type { Side } from "./side.ts";

// Bytes that are taken out of the kernel's pipe so that Bun has something to wait for room with. With
// a page of them bulk costs a fifth more (PROFILE.md).
const SAMPLE = 1;

/** The bytes of one direction that were read and that its receiver has not taken, in their order. */
export class HeldBytes {
  /** What of them is in the kernel comes after the chunks. */
  kernelPipe: KernelPipe | null = null;
  /** What is to be read yet, and comes last; nothing is added any more then. */
  remains: FailedSocketBytes | null = null;
  readonly #chunks: Uint8Array[] = [];
  #chunkBytes = 0;

  get bytes(): number {
    return this.kernelPipe === null ? this.#chunkBytes : this.#chunkBytes + this.kernelPipe.bytes;
  }

  /** These and those that remain to be read. */
  get pending(): number {
    return this.remains === null ? this.bytes : this.bytes + this.remains.bytes;
  }

  /** Adds a chunk at the end, without a copy. */
  add(chunk: Uint8Array): void {
    if (this.kernelPipe !== null && this.kernelPipe.bytes > 0) this.#takeOut(this.kernelPipe.bytes);
    this.#chunks.push(chunk);
    this.#chunkBytes += chunk.length;
  }

  /** Puts a chunk before all others. */
  addFirst(chunk: Uint8Array): void {
    this.#chunks.unshift(chunk);
    this.#chunkBytes += chunk.length;
  }

  /** Copies the last chunk: its memory is somebody else's. */
  copyLast(): void {
    const last = this.#chunks.pop();
    if (last !== undefined) this.#chunks.push(last.slice());
  }

  /**
   * Writes all of it, or as much as `to` takes; `drain` follows where that is not all. A negative
   * result is the errno of a side that takes no more.
   */
  writeTo(to: Side): number {
    for (;;) {
      const failure = this.#writeRead(to);
      const { remains } = this;
      if (failure < 0 || this.bytes > 0 || remains === null) return failure;
      this.add(remains.read());
      if (remains.bytes === 0) this.remains = null;
    }
  }

  /** Forgets all of it and says how much that was. */
  drop(): number {
    const { pending } = this;
    this.#chunks.length = 0;
    this.#chunkBytes = 0;
    this.remains?.close();
    this.remains = null;
    return pending;
  }

  #writeRead(to: Side): number {
    let failure = this.#writeChunks(to);
    const { kernelPipe } = this;
    while (failure === 0 && this.#chunkBytes === 0 && kernelPipe !== null && kernelPipe.bytes > 0) {
      const taken = to.writeFrom(kernelPipe);
      if (taken === -EAGAIN) {
        // Bun says that there is room again only after a write of its own that found none.
        this.#takeOut(SAMPLE);
        failure = this.#writeChunks(to);
      } else if (taken < 0) {
        failure = taken;
      }
    }
    return failure;
  }

  #writeChunks(to: Side): number {
    while (this.#chunkBytes > 0) {
      const chunk = this.#chunks[0] as Uint8Array;
      const sent = to.write(chunk);
      if (sent < 0) return sent;
      this.#chunkBytes -= sent;
      if (sent < chunk.length) {
        this.#chunks[0] = chunk.subarray(sent);
        return 0;
      }
      this.#chunks.shift();
    }
    return 0;
  }

  #takeOut(most: number): void {
    const chunk = this.kernelPipe?.read(most);
    if (chunk === undefined) return;
    this.#chunks.push(chunk);
    this.#chunkBytes += chunk.length;
  }
}
