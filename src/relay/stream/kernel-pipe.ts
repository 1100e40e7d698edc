import type { Libc } from "../../os/libc.ts";
import { openFilesMax } from "../../os/open-files-limit.ts";

/** The capacity of a kernel pipe in bytes, and so about the most that one direction holds. */
export const CAPACITY = 1024 * 1024;
// If a user has many pipes, the kernel makes a new pipe small, down to a page, and does not enlarge
// it (pipe(7), pipe-user-pages-soft). The relay does not use a pipe with less than this capacity.
const CAPACITY_LEAST = 128 * 1024;

/**
 * A pipe (pipe(7)) through which splice(2) moves memory pages from one socket to another without a
 * copy.
 */
export class KernelPipe {
  /** The number of bytes in the pipe. */
  bytes = 0;

  private constructor(
    readonly system: Libc,
    readonly readEnd: number,
    readonly writeEnd: number,
  ) {}

  /**
   * Makes a kernel pipe.
   *
   * @returns null if no descriptors are free, or if the pipe gets less than `CAPACITY_LEAST`
   */
  static open(system: Libc): KernelPipe | null {
    const ends = new Int32Array(2);
    if (system.pipe(ends) < 0) return null;
    const [readEnd = -1, writeEnd = -1] = ends;
    const pipe = new KernelPipe(system, readEnd, writeEnd);
    if (system.setPipeSize(writeEnd, CAPACITY) >= CAPACITY_LEAST) return pipe;
    pipe.close();
    return null;
  }

  /**
   * Moves up to `most` bytes from a socket into the pipe.
   *
   * @returns the number of bytes, 0 at the end of the stream, or a negative errno
   */
  fill(socket: number, most: number): number {
    const moved = this.system.splice(socket, this.writeEnd, most);
    if (moved > 0) this.bytes += moved;
    return moved;
  }

  /**
   * Moves as many bytes from the pipe to a socket as the socket takes.
   *
   * @returns the number of bytes, or a negative errno
   */
  drain(socket: number): number {
    const moved = this.system.splice(this.readEnd, socket, this.bytes);
    if (moved > 0) this.bytes -= moved;
    return moved;
  }

  /** Reads the next bytes out of the pipe, at most `most` bytes. */
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
// A thread may have one kernel pipe for every FILES_A_PIPE descriptors that the process may open.
// So with a low limit of descriptors there are few kernel pipes, because the connections need the
// descriptors more.
const FILES_A_PIPE = 64;
// All threads together may have one kernel pipe for every FILES_A_PIPE_OF_ALL descriptors.
// Otherwise the kernel pipes of 32 threads would take all descriptors.
const FILES_A_PIPE_OF_ALL = 16;

/**
 * Returns the maximum number of kernel pipes of each thread, if the process has `threads` threads
 * that relay and may have `files` descriptors. Each kernel pipe has two descriptors.
 */
export function kernelPipesMost(threads = 1, files = openFilesMax()): number {
  const filesAPipe = Math.max(FILES_A_PIPE, threads * FILES_A_PIPE_OF_ALL);
  return Math.min(PIPES_MOST, Math.floor(files / filesAPipe));
}

/**
 * The kernel pipes of one thread. A direction borrows a kernel pipe while it moves bulk, which
 * means a large transfer. Free kernel pipes stay open for the next direction while there are
 * connections.
 */
export class KernelPipes {
  readonly #system: Libc | null;
  readonly #most: number;
  readonly #free: KernelPipe[] = [];
  #lent = 0;

  /**
   * @param system - the system calls; null if no kernel pipes may be made, so that `borrow` always
   *   returns null
   * @param threads - the number of threads of this process that relay
   */
  constructor(system: Libc | null, threads = 1) {
    this.#system = system;
    this.#most = kernelPipesMost(threads);
  }

  /** Lends a kernel pipe. Returns null if too many are lent already, or if no pipe can be made. */
  borrow(): KernelPipe | null {
    if (this.#system === null || this.#lent >= this.#most) return null;
    const pipe = this.#free.pop() ?? KernelPipe.open(this.#system);
    if (pipe !== null) this.#lent += 1;
    return pipe;
  }

  /**
   * Takes a kernel pipe back. A pipe that still contains bytes is closed, because it cannot be lent
   * again.
   */
  giveBack(pipe: KernelPipe): void {
    this.#lent -= 1;
    if (pipe.bytes > 0) pipe.close();
    else this.#free.push(pipe);
  }

  /** Closes all kernel pipes that are not lent. */
  closeFree(): void {
    for (const pipe of this.#free.splice(0)) pipe.close();
  }
}
