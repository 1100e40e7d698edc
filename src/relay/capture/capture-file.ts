import { closeSync, fstatSync, ftruncate, write } from "node:fs";
import { errnoWords, errorCode } from "../../os/errno.ts";
import { RelayError } from "../error.ts";
import { openCapture, type OpenCapture } from "./capture-path.ts";
import { wholeBlocks } from "./pcapng.ts";

// The maximum number of bytes that wait for the disk. If more bytes wait, the capture ends, because
// connections must not wait for the disk.
const BACKLOG_MOST = 64 * 1024 * 1024;

export interface CaptureFileOptions {
  readonly path: string;
  /**
   * The maximum size of a file, in bytes; Infinity for one file without a limit. If a block does
   * not fit into the rest of a file, the block goes into the next file. `max` must be so large
   * that a new file has room for its header and any one block.
   */
  readonly max: number;
  /** The first bytes of each file. */
  readonly header: Uint8Array;
  /** Called once, with the reason, if the capture ends while the relay goes on. */
  readonly ended: (reason: string) => void;
  /**
   * The identities of the predecessor's capture files; empty if there was no handover.
   * `openCapture` may rename these files although they are locked.
   */
  readonly handedOver: readonly string[];
}

/**
 * A capture in a file. A full file gets the suffix `.1` and replaces the earlier file with that
 * suffix; then a new file begins. So the last two files are kept.
 *
 * If the file cannot be written, only the capture ends. Neither the capture nor its failure delays
 * or ends a connection.
 */
export class CaptureFile {
  readonly #options: CaptureFileOptions;
  #file: OpenCapture;
  /**
   * Whether the current file is the last one, because the path belongs to the other process of a
   * handover (see `stay`).
   */
  #isLast = false;
  /**
   * The blocks that are not written yet. While `#isWriting` is true, the first element is being
   * written.
   */
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  /**
   * The total size, in bytes, of the blocks that are completely written to the current file,
   * including its header.
   */
  #size = 0;
  #isWriting = false;
  #isOver = false;
  /** Called when all blocks are written, or when the capture has ended. Null before `close`. */
  #whenWritten: (() => void) | null = null;

  private constructor(options: CaptureFileOptions, file: OpenCapture) {
    this.#options = options;
    this.#file = file;
    this.#add(options.header);
  }

  /**
   * The identity of the current file (`OpenCapture.identity`) while this process writes the file.
   */
  get identity(): string {
    return this.#file.identity;
  }

  /**
   * Begins a capture. An earlier capture at the path becomes the file with the suffix `.1`.
   *
   * @throws {RelayError} if the file cannot be made, if the file at the path is no capture, or if
   * another relay captures into it
   */
  static open(options: CaptureFileOptions): CaptureFile {
    return new CaptureFile(options, openCapture(options.path, options.handedOver));
  }

  /**
   * Adds whole blocks to the blocks that wait for the disk. Does nothing if the capture has ended.
   */
  add(blocks: Uint8Array): void {
    if (!this.#isOver) this.#add(blocks);
  }

  /**
   * Makes the current file the last one, because the path now belongs to the other process of a
   * handover: the successor, or the predecessor if the handover fails. The capture ends when the
   * current file is full.
   */
  stay(): void {
    this.#isLast = true;
  }

  /** Writes the blocks that wait, and closes the file. */
  async close(): Promise<void> {
    if (!this.#isOver && this.#waiting.length > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#whenWritten = resolve;
      await promise;
    }
    if (!this.#isOver) closeSync(this.#file.fd);
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
    if (fstatSync(this.#file.fd).nlink === 0) return this.#end("its file was removed");
    const fitting = wholeBlocks(blocks, this.#options.max - this.#size);
    if (fitting < blocks.length) {
      this.#waiting.splice(0, 1, blocks.subarray(0, fitting), blocks.subarray(fitting));
      if (fitting === 0 && !this.#beginNext()) return;
    }
    this.#isWriting = true;
    this.#write(this.#waiting[0] ?? blocks, 0);
  }

  #write(blocks: Uint8Array, at: number): void {
    write(this.#file.fd, blocks, at, blocks.length - at, this.#size + at, (error, written) => {
      if (this.#isOver) return closeSync(this.#file.fd);
      if (error !== null) {
        // Cut the file after its last complete block, so that programs can read it.
        ftruncate(this.#file.fd, this.#size, () => {
          this.#isWriting = false;
          if (this.#isOver) closeSync(this.#file.fd);
          else this.#end(words(errorCode(error)));
        });
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

  /**
   * Begins the next file, and puts its header in front of the blocks that wait. Returns false if
   * this fails; the capture has then ended.
   */
  #beginNext(): boolean {
    const { path, header } = this.#options;
    if (this.#isLast) {
      this.#end("its file is full, and the next process captures now");
      return false;
    }
    const full = this.#file;
    try {
      this.#file = openCapture(path, [full.identity]);
    } catch (error) {
      this.#end(error instanceof RelayError ? error.message : String(error));
      return false;
    }
    closeSync(full.fd);
    this.#size = 0;
    this.#waiting[0] = header;
    this.#waitingBytes += header.length;
    return true;
  }

  #end(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#waiting = [];
    // If a write is under way, it still uses the descriptor, so its callback closes the descriptor
    // instead.
    if (!this.#isWriting) closeSync(this.#file.fd);
    this.#whenWritten?.();
    this.#options.ended(reason);
  }
}

function words(code: string): string {
  return `${errnoWords(code)} (${code})`;
}
