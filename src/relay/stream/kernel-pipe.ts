import type { Libc } from "../../os/libc.ts";
import { openFilesMax } from "../../os/open-files-limit.ts";

/** The capacity of a kernel pipe in bytes: as much as one direction may hold. */
export const CAPACITY = 1024 * 1024;
// To a user with many pipes the kernel gives less, down to a page (pipe(7), pipe-user-pages-soft). A pipe
// below this capacity is of no use.
const CAPACITY_LEAST = 128 * 1024;

/** A pipe of pipe(7), through which splice(2) passes a socket's pages on without copying them. */
export class KernelPipe {
  /** How many bytes are in the pipe. */
  bytes = 0;

  private constructor(
    readonly system: Libc,
    readonly readEnd: number,
    readonly writeEnd: number,
  ) {}

  /** Null if there are no descriptors for a pipe, or too little capacity. */
  static open(system: Libc): KernelPipe | null {
    const ends = new Int32Array(2);
    if (system.pipe(ends) < 0) return null;
    const [readEnd = -1, writeEnd = -1] = ends;
    const pipe = new KernelPipe(system, readEnd, writeEnd);
    if (system.setPipeSize(writeEnd, CAPACITY) >= CAPACITY_LEAST) return pipe;
    pipe.close();
    return null;
  }

  /** Takes up to `most` bytes from a socket. Returns the number, 0 at the end, or a negative errno. */
  fill(socket: number, most: number): number {
    const moved = this.system.splice(socket, this.writeEnd, most);
    if (moved > 0) this.bytes += moved;
    return moved;
  }

  /** Gives a socket as much as it takes. Returns the number of bytes, or a negative errno. */
  drain(socket: number): number {
    const moved = this.system.splice(this.readEnd, socket, this.bytes);
    if (moved > 0) this.bytes -= moved;
    return moved;
  }

  /** Takes out the next bytes, `most` or fewer. */
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
// One kernel pipe for so many descriptors: if there are few, connections need them more.
const FILES_A_PIPE = 64;

/**
 * How many kernel pipes a thread may have, if the process may have `files` descriptors. Two descriptors are
 * reserved for each pipe.
 */
export function kernelPipesMost(files = openFilesMax()): number {
  return Math.min(PIPES_MOST, Math.floor(files / FILES_A_PIPE));
}

/**
 * The kernel pipes of one thread. A direction borrows one while it moves bulk. They are kept open for the
 * next direction as long as there are connections.
 */
export class KernelPipes {
  readonly #system: Libc | null;
  readonly #most = kernelPipesMost();
  readonly #free: KernelPipe[] = [];
  #lent = 0;

  /** @param system - null if there are to be none */
  constructor(system: Libc | null) {
    this.#system = system;
  }

  /** Null if all are lent. */
  borrow(): KernelPipe | null {
    if (this.#system === null || this.#lent >= this.#most) return null;
    const pipe = this.#free.pop() ?? KernelPipe.open(this.#system);
    if (pipe !== null) this.#lent += 1;
    return pipe;
  }

  /** Takes a pipe back. A pipe with bytes in it is closed, because it cannot be lent again. */
  giveBack(pipe: KernelPipe): void {
    this.#lent -= 1;
    if (pipe.bytes > 0) pipe.close();
    else this.#free.push(pipe);
  }

  /** Closes all pipes that are not lent. */
  closeFree(): void {
    for (const pipe of this.#free.splice(0)) pipe.close();
  }
}
