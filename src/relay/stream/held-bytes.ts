import { EAGAIN } from "../../os/errno.ts";
import type { KernelPipe } from "./kernel-pipe.ts";
import type { FailedSocketBytes } from "./unread-bytes-of-failed-socket.ts";
import type { Side } from "./side.ts";

// If a socket has no room for the bytes of a kernel pipe, the relay takes this number of bytes out
// of the kernel pipe and writes them through Bun, so that Bun reports when the socket has room. If
// this number were a whole page, a large transfer would cost a fifth more (PROFILE.md).
const SAMPLE = 1;

/**
 * The bytes that one direction must still write, in stream order: the held bytes in the chunks, the
 * held bytes in the kernel pipe, then `remains`.
 */
export class HeldBytes {
  /**
   * The kernel pipe that the direction has borrowed (`KernelPipes.borrow`); null while it has none.
   * In stream order, the bytes in the kernel pipe follow the chunks.
   */
  kernelPipe: KernelPipe | null = null;
  /**
   * Whether the receiver has taken all held bytes at least once. While this is false, the receiver
   * may be a program that never reads.
   */
  receiverReads = false;
  /**
   * The bytes that the kernel still has from the sender, if the sender's socket has failed, for
   * example because it was reset; null if there are none. In stream order they are the last bytes,
   * because no chunk is received after this property is set.
   */
  remains: FailedSocketBytes | null = null;
  /**
   * The size of the next read, in bytes, if the receiver has no room. `BulkReader` sets and uses
   * it.
   */
  readWithoutRoom = 1;
  /** The number of held bytes that was last reported to the memory account. */
  counted = 0;
  readonly #chunks: Uint8Array[] = [];
  #chunkBytes = 0;

  /** The number of held bytes, in the chunks and in the kernel pipe. */
  get bytes(): number {
    return this.kernelPipe === null ? this.#chunkBytes : this.#chunkBytes + this.kernelPipe.bytes;
  }

  /**
   * The number of bytes that must still be written: the held bytes and `remains`.
   */
  get pending(): number {
    return this.remains === null ? this.bytes : this.bytes + this.remains.bytes;
  }

  /** Adds a chunk at the end, without copying the chunk. */
  add(chunk: Uint8Array): void {
    if (this.kernelPipe !== null) this.takeOut(this.kernelPipe.bytes);
    this.#chunks.push(chunk);
    this.#chunkBytes += chunk.length;
  }

  /** Adds a chunk before all other held bytes. */
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

  /**
   * Replaces the last chunk by a copy, because the owner of the chunk's memory will overwrite the
   * memory.
   */
  copyLast(): void {
    const last = this.#chunks.pop();
    if (last !== undefined) this.#chunks.push(last.slice());
  }

  /**
   * Writes as many bytes as `to` takes. If bytes are left, the event `drain` follows.
   *
   * @returns 0, or a negative errno if `to` takes no bytes any more
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

  /**
   * Drops all held bytes and `remains`. The bytes in the kernel pipe are dropped when the caller
   * gives the kernel pipe back.
   *
   * @returns the number of dropped bytes
   */
  drop(): number {
    const { pending } = this;
    this.#chunks.length = 0;
    this.#chunkBytes = 0;
    this.remains?.close();
    this.remains = null;
    return pending;
  }

  /** Writes the held bytes: first the chunks, then the bytes in the kernel pipe. */
  #writeRead(to: Side): number {
    let failure = this.#writeChunks(to);
    const { kernelPipe } = this;
    while (failure === 0 && this.#chunkBytes === 0 && kernelPipe !== null && kernelPipe.bytes > 0) {
      const taken = to.writeFrom(kernelPipe);
      if (taken === -EAGAIN) {
        // Write one byte through Bun, because Bun reports room only after one of its own writes
        // found no room.
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
 * Returns the rest of a chunk, of which `sent` bytes were sent. A small rest is copied, because
 * otherwise the rest would keep the memory of the whole chunk in use.
 */
export function restOf(chunk: Uint8Array, sent: number): Uint8Array {
  const rest = chunk.subarray(sent);
  return 2 * rest.length <= rest.buffer.byteLength ? rest.slice() : rest;
}
