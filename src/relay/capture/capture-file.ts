import {
  constants,
  closeSync,
  ftruncate,
  lstatSync,
  openSync,
  readSync,
  renameSync,
  write,
} from "node:fs";
import { errnoWords, errorCode } from "../../os/errno.ts";
import { RelayError } from "../error.ts";
import { MAGIC } from "./pcapng.ts";

/**
 * Only this process's user may read a capture, because it contains everything that went through the
 * relay.
 */
const MODE = 0o600;

// The maximum number of bytes that wait for the disk. If more bytes wait, the capture ends, because
// connections must not wait for the disk.
const BACKLOG_MOST = 64 * 1024 * 1024;

export interface CaptureFileOptions {
  readonly path: string;
  /**
   * The size of a file, in bytes, beyond which the blocks go to the next file; Infinity for one
   * file without a limit.
   */
  readonly max: number;
  /** The first bytes of each file. */
  readonly header: Uint8Array;
  /** Called once, with the reason, if the capture ends before the relay does. */
  readonly ended: (message: string) => void;
}

/**
 * A capture in a file. A full file gets the suffix `.1` and replaces the earlier file with that
 * suffix; then a new file begins. So the last two files are kept.
 *
 * A failure ends the capture. It never delays or ends a connection.
 */
export class CaptureFile {
  readonly #options: CaptureFileOptions;
  #fd: number;
  #max: number;
  /**
   * The blocks that are not written yet. While `#isWriting`, the first element is being written.
   */
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  /** The number of bytes that are completely written to the file. */
  #size = 0;
  #isWriting = false;
  #isOver = false;
  /**
   * Called when no block waits for the disk any more, or the capture has ended. Null before
   * `close`.
   */
  #whenWritten: (() => void) | null = null;

  private constructor(options: CaptureFileOptions, fd: number) {
    this.#options = options;
    this.#fd = fd;
    this.#max = options.max;
    this.#add(options.header);
  }

  /**
   * Begins a capture. An earlier capture at the path becomes the file with the suffix `.1`.
   *
   * @throws {RelayError} if the file cannot be made, or another file is there.
   */
  static open(options: CaptureFileOptions): CaptureFile {
    return new CaptureFile(options, openNew(options.path));
  }

  /** Adds whole blocks. */
  add(blocks: Uint8Array): void {
    if (!this.#isOver) this.#add(blocks);
  }

  /** Keeps the current file without a limit, because the path now belongs to another process. */
  stay(): void {
    this.#max = Infinity;
  }

  /** Writes the blocks that wait, and closes the file. */
  async close(): Promise<void> {
    if (!this.#isOver && this.#waiting.length > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#whenWritten = resolve;
      await promise;
    }
    if (!this.#isOver) closeSync(this.#fd);
    this.#isOver = true;
  }

  #add(blocks: Uint8Array): void {
    this.#waiting.push(blocks);
    this.#waitingBytes += blocks.length;
    if (this.#waitingBytes > BACKLOG_MOST) this.#end("the disk is slower than the connections");
    else if (!this.#isWriting) this.#writeNext();
  }

  #writeNext(): void {
    const [blocks] = this.#waiting;
    if (blocks === undefined) {
      this.#whenWritten?.();
      return;
    }
    const isFull = this.#size > this.#options.header.length;
    if (isFull && this.#size + blocks.length > this.#max && !this.#beginNext()) return;
    this.#isWriting = true;
    this.#write(this.#waiting[0] ?? blocks, 0);
  }

  #write(blocks: Uint8Array, at: number): void {
    write(this.#fd, blocks, at, blocks.length - at, this.#size + at, (error, written) => {
      if (this.#isOver) return;
      if (error !== null) {
        // Cut the file after its last complete block, so that programs can read it.
        ftruncate(this.#fd, this.#size, () => this.#end(words(errorCode(error))));
        return;
      }
      if (at + written < blocks.length) return this.#write(blocks, at + written);
      this.#size += blocks.length;
      this.#isWriting = false;
      this.#waiting.shift();
      this.#waitingBytes -= blocks.length;
      this.#writeNext();
    });
  }

  /** Begins the next file; false if that fails. */
  #beginNext(): boolean {
    closeSync(this.#fd);
    try {
      this.#fd = openNew(this.#options.path);
    } catch (error) {
      this.#fd = -1;
      this.#end(error instanceof RelayError ? error.message : String(error));
      return false;
    }
    this.#size = 0;
    this.#waiting.unshift(this.#options.header);
    this.#waitingBytes += this.#options.header.length;
    return true;
  }

  #end(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#waiting = [];
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#whenWritten?.();
    this.#options.ended(`the capture ${this.#options.path} has ended: ${reason}`);
  }
}

/**
 * Makes a file that only this process's user can read. An earlier capture at the path gets the
 * suffix `.1`.
 */
function openNew(path: string): number {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  try {
    moveAway(path);
    return openSync(path, flags, MODE);
  } catch (error) {
    if (error instanceof RelayError) throw error;
    const code = errorCode(error);
    throw new RelayError(code, path, `cannot capture into ${path}: ${words(code)}`);
  }
}

/** @throws {RelayError} if the file at the path is not a capture */
function moveAway(path: string): void {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return;
  if (!stats.isFile() || !isCapture(path))
    throw new RelayError(
      "EEXIST",
      path,
      `cannot capture into ${path}: this file is no capture; choose another name for --capture`,
    );
  renameSync(path, `${path}.1`);
}

function isCapture(path: string): boolean {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const start = new Uint8Array(MAGIC.length);
    const length = readSync(fd, start, 0, start.length, 0);
    return length === 0 || MAGIC.every((byte, index) => start[index] === byte);
  } finally {
    closeSync(fd);
  }
}

function words(code: string): string {
  return `${errnoWords(code)} (${code})`;
}
