import { EAGAIN } from "../../os/errno.ts";
import type { KernelPipe } from "./kernel-pipe.ts";
import type { FailedSocketBytes } from "./failed-socket-bytes.ts";
import type { Side } from "./side.ts";

// How many bytes are taken out of a kernel pipe to make Bun wait for room. With a page of bytes instead,
// bulk costs a fifth more (PROFILE.md).
const SAMPLE = 1;

/** The bytes of one direction that were read and that the receiver has not taken, in order. */
export class HeldBytes {
  /** Bytes in the kernel pipe follow the chunks in stream order. */
  kernelPipe: KernelPipe | null = null;
  /** Whether the receiver has once taken what was held. Until then it may be one that never reads. */
  receiverReads = false;
  /** Unread bytes of a failed sender. They come last: nothing is added once this is set. */
  remains: FailedSocketBytes | null = null;
  /** How many bytes the memory account knows of. */
  counted = 0;
  readonly #chunks: Uint8Array[] = [];
  #chunkBytes = 0;

  /** How many bytes are held. */
  get bytes(): number {
    return this.kernelPipe === null ? this.#chunkBytes : this.#chunkBytes + this.kernelPipe.bytes;
  }

  /** How many bytes are held or remain to be read. */
  get pending(): number {
    return this.remains === null ? this.bytes : this.bytes + this.remains.bytes;
  }

  /** Adds a chunk at the end, without copying it. */
  add(chunk: Uint8Array): void {
    if (this.kernelPipe !== null) this.takeOut(this.kernelPipe.bytes);
    this.#chunks.push(chunk);
    this.#chunkBytes += chunk.length;
  }

  /** Puts a chunk before all others. */
  addFirst(chunk: Uint8Array): void {
    this.#chunks.unshift(chunk);
    this.#chunkBytes += chunk.length;
  }

  /** Moves up to `most` bytes from the kernel pipe to the chunks. */
  takeOut(most: number): void {
    const { kernelPipe } = this;
    if (kernelPipe === null || kernelPipe.bytes === 0) return;
    const chunk = kernelPipe.read(most);
    this.#chunks.push(chunk);
    this.#chunkBytes += chunk.length;
  }

  /** Copies the last chunk, because its memory belongs to somebody else. */
  copyLast(): void {
    const last = this.#chunks.pop();
    if (last !== undefined) this.#chunks.push(last.slice());
  }

  /**
   * Writes as much as `to` takes. If that is not all, `drain` follows. Returns 0, or a negative errno if
   * `to` takes no more.
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

  /** Drops all bytes, also those that remain to be read, and returns how many they were. */
  drop(): number {
    const { pending } = this;
    this.#chunks.length = 0;
    this.#chunkBytes = 0;
    this.remains?.close();
    this.remains = null;
    return pending;
  }

  /** Writes what was read: the chunks, then the kernel pipe. */
  #writeRead(to: Side): number {
    let failure = this.#writeChunks(to);
    const { kernelPipe } = this;
    while (failure === 0 && this.#chunkBytes === 0 && kernelPipe !== null && kernelPipe.bytes > 0) {
      const taken = to.writeFrom(kernelPipe);
      if (taken === -EAGAIN) {
        // Bun reports room only after one of its own writes found none. So one byte goes by Bun's write.
        this.takeOut(SAMPLE);
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
        this.#chunks[0] = restOf(chunk, sent);
        return 0;
      }
      this.#chunks.shift();
    }
    return 0;
  }
}

/**
 * The bytes of a chunk that are left after `sent`. A small rest is copied, because it would keep the memory
 * of the whole chunk.
 */
export function restOf(chunk: Uint8Array, sent: number): Uint8Array {
  const rest = chunk.subarray(sent);
  return 2 * rest.length <= rest.buffer.byteLength ? rest.slice() : rest;
}
