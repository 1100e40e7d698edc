import type { Libc } from "../../os/libc.ts";
import { openFilesMax } from "../../os/open-files-limit.ts";

/** Bytes that a pipe has room for: what one direction may hold. */
export const CAPACITY = 1024 * 1024;
// The kernel gives a user who has many of them less, down to a page (pipe(7), pipe-user-pages-soft).
const CAPACITY_LEAST = 128 * 1024;

/** A pipe of pipe(7): splice(2) hands a socket's pages on through it, and no byte is copied here. */
export class KernelPipe {
  /** Bytes that are in it. */
  bytes = 0;

  private constructor(
    readonly system: Libc,
    readonly readEnd: number,
    readonly writeEnd: number,
  ) {}

  /** Null where there is no descriptor, or no room, for one that is of use. */
  static open(system: Libc): KernelPipe | null {
    const ends = new Int32Array(2);
    if (system.pipe(ends) < 0) return null;
    const [readEnd = -1, writeEnd = -1] = ends;
    const pipe = new KernelPipe(system, readEnd, writeEnd);
    if (system.setPipeSize(writeEnd, CAPACITY) >= CAPACITY_LEAST) return pipe;
    pipe.close();
    return null;
  }

  /** Takes up to `most` bytes that came to a socket: how many, 0 at the end, or a negative errno. */
  fill(socket: number, most: number): number {
    const moved = this.system.splice(socket, this.writeEnd, most);
    if (moved > 0) this.bytes += moved;
    return moved;
  }

  /** Gives a socket what it takes: how many bytes, or a negative errno. */
  drain(socket: number): number {
    const moved = this.system.splice(this.readEnd, socket, this.bytes);
    if (moved > 0) this.bytes -= moved;
    return moved;
  }

  /** Takes the next bytes out, `most` of them or as many as there are. */
  read(most: number): Uint8Array {
    const bytes = new Uint8Array(Math.min(most, this.bytes));
    let length = 0;
    while (length < bytes.length) {
      const read = this.system.read(this.readEnd, bytes.subarray(length));
      if (read <= 0) throw new Error(`a pipe gave ${read} of ${this.bytes} bytes`);
      length += read;
      this.bytes -= read;
    }
    return bytes;
  }

  close(): void {
    this.system.close(this.readEnd);
    this.system.close(this.writeEnd);
  }
}

const PIPES_MOST = 32;
// Where descriptors are few, connections have more use for them.
const FILES_A_PIPE = 64;

/**
 * How many kernel's pipes a relay may have, each two descriptors that are kept free for it, where
 * `files` may be open.
 */
export function kernelPipesMost(files = openFilesMax()): number {
  return Math.min(PIPES_MOST, Math.floor(files / FILES_A_PIPE));
}

/**
 * The kernel's pipes of one relay: lent to a direction while it moves bulk, and kept for the next one
 * as long as there are connections.
 */
export class KernelPipes {
  readonly #system: Libc | null;
  readonly #most = kernelPipesMost();
  readonly #free: KernelPipe[] = [];
  #lent = 0;

  /** Without `system` there are none. */
  constructor(system: Libc | null) {
    this.#system = system;
  }

  /** Null where all are in use. */
  borrow(): KernelPipe | null {
    if (this.#system === null || this.#lent >= this.#most) return null;
    const pipe = this.#free.pop() ?? KernelPipe.open(this.#system);
    if (pipe !== null) this.#lent += 1;
    return pipe;
  }

  /** One in which bytes are left has no further use. */
  giveBack(pipe: KernelPipe): void {
    this.#lent -= 1;
    if (pipe.bytes > 0) pipe.close();
    else this.#free.push(pipe);
  }

  /** Closes those that are not lent. */
  closeFree(): void {
    for (const pipe of this.#free.splice(0)) pipe.close();
  }
}
