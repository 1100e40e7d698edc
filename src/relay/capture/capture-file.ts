import { closeSync, fstatSync, ftruncate, write } from "node:fs";
import { errnoWords, errorCode } from "../../os/errno.ts";
import { RelayError } from "../error.ts";
import {
  checkCapture,
  type HandedCaptures,
  openCapture,
  type OpenCapture,
  openNumbered,
} from "./open-and-lock-capture-file.ts";
import { wholeBlocks } from "./pcapng.ts";

// The maximum number of bytes that wait for the disk. If more bytes wait, the capture ends, because
// connections must not wait for the disk.
const BACKLOG_MOST = 64 * 1024 * 1024;

export interface CaptureFileOptions {
  readonly path: string;
  /**
   * The maximum size of a file, in bytes; Infinity for one file without a limit. If a block
   * (`pcapng.ts`) does not fit into the rest of a file, the block goes into the next file. `max`
   * must be so large that a new file has room for its header and any one block.
   */
  readonly max: number;
  /** The first bytes of each file. */
  readonly header: Uint8Array;
  /** Called once, with the reason, if the capture ends while the relay goes on. */
  readonly ended: (reason: string) => void;
  /** The captures of the predecessor; null if this process took over from no predecessor. */
  readonly handedOver: HandedCaptures | null;
}

/**
 * A capture in a file. A full file gets the suffix `.1` and replaces the earlier file with that
 * suffix; then a new file begins. So the last two files are kept.
 *
 * In a successor (the new process of a handover), the capture holds the blocks in memory until the
 * handover is complete (`take`). So a handover that fails has changed no file.
 *
 * If the file cannot be written, only the capture ends. Neither the capture nor its failure delays
 * or ends a connection.
 */
export class CaptureFile {
  readonly #options: CaptureFileOptions;
  /** The file that is written; null before `take`. */
  #file: OpenCapture | null;
  /** Whether the capture ends when the current file is full (see `stay`). */
  #isLast = false;
  /**
   * The blocks that are not written yet. While `#isWriting` is true, the first element is being
   * written.
   */
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  /**
   * The total size, in bytes, of the header and of the blocks that are completely written to the
   * current file.
   */
  #size = 0;
  #isWriting = false;
  #isOver = false;
  /**
   * Lets `close` go on. Called when all blocks are written, or when the capture has ended; null
   * while `close` waits for neither.
   */
  #whenWritten: (() => void) | null = null;

  private constructor(options: CaptureFileOptions, file: OpenCapture | null) {
    this.#options = options;
    this.#file = file;
    this.#add(options.header);
  }

  /**
   * The identity of the current file (`OpenCapture.identity`); null if this capture writes no file,
   * because it has ended or `take` was not called yet.
   */
  get identity(): string | null {
    return this.#isOver || this.#file === null ? null : this.#file.identity;
  }

  /**
   * Begins a capture: renames an earlier capture at the path, and makes the new file
   * (`openCapture`). A successor makes and renames no file before `take`.
   *
   * @throws {RelayError} if the file cannot be made, if the file at the path is no capture, or if
   * another relay captures into it
   */
  static open(options: CaptureFileOptions): CaptureFile {
    const { path, handedOver } = options;
    if (handedOver === null) return new CaptureFile(options, openCapture(path));
    checkCapture(path, handedOver);
    return new CaptureFile(options, null);
  }

  /**
   * Makes the file, because the handover is complete and the path now belongs to this process. If
   * the file cannot be made, the capture ends. An earlier capture at the path is renamed
   * (`openCapture`). If `max` is Infinity, the user wants to keep all bytes, so the renamed file
   * replaces no other file. Does nothing if this process took over from no predecessor.
   */
  take(): void {
    const { path, max, handedOver } = this.#options;
    if (this.#isOver || this.#file !== null || handedOver === null) return;
    this.#writeTo(() => openCapture(path, { own: handedOver, keepsAll: max === Infinity }));
  }

  /**
   * Adds whole blocks to the blocks that wait for the disk. Does nothing if the capture has ended.
   */
  add(blocks: Uint8Array): void {
    if (!this.#isOver) this.#add(blocks);
  }

  /**
   * From now on the capture begins no new file: it ends when the current file is full. Called when
   * the path belongs to the other process of a handover: the successor, or the predecessor if the
   * handover fails.
   */
  stay(): void {
    this.#isLast = true;
  }

  /**
   * Writes the blocks that wait, and closes the file. If the handover has failed, the blocks go
   * into a numbered file beside the predecessor's file. If nothing was recorded, no file is made.
   */
  async close(): Promise<void> {
    if (this.#file === null && this.#waiting.length > 1)
      this.#writeTo(() => openNumbered(this.#options.path));
    if (!this.#isOver && this.#file !== null && this.#waiting.length > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#whenWritten = resolve;
      await promise;
    }
    if (!this.#isOver) this.#closeFile();
    this.#isOver = true;
  }

  /**
   * Makes a file by `open`, and writes the waiting blocks to it. If the file cannot be made, the
   * capture ends.
   */
  #writeTo(open: () => OpenCapture): void {
    try {
      this.#file = open();
    } catch (error) {
      return this.#end(error instanceof RelayError ? error.message : String(error));
    }
    this.#writeNext(this.#file);
  }

  #closeFile(): void {
    if (this.#file !== null) closeSync(this.#file.fd);
  }

  #add(blocks: Uint8Array): void {
    this.#waiting.push(blocks);
    this.#waitingBytes += blocks.length;
    if (this.#waitingBytes > BACKLOG_MOST)
      this.#end(
        this.#file === null
          ? "too much went through before the handover was complete"
          : "the disk is slower than the connections",
      );
    else if (!this.#isWriting && this.#file !== null) this.#writeNext(this.#file);
  }

  #writeNext(file: OpenCapture): void {
    const [blocks] = this.#waiting;
    if (blocks === undefined) {
      this.#whenWritten?.();
      return;
    }
    if (fstatSync(file.fd).nlink === 0) return this.#end("its file was removed");
    const fitting = wholeBlocks(blocks, this.#options.max - this.#size);
    if (fitting < blocks.length)
      this.#waiting.splice(0, 1, blocks.subarray(0, fitting), blocks.subarray(fitting));
    const next = fitting === 0 ? this.#beginNext(file) : file;
    if (next === null) return;
    this.#isWriting = true;
    this.#write(next, this.#waiting[0] ?? blocks, 0);
  }

  #write(file: OpenCapture, blocks: Uint8Array, at: number): void {
    const { fd } = file;
    write(fd, blocks, at, blocks.length - at, this.#size + at, (error, written) => {
      if (this.#isOver) return closeSync(fd);
      if (error !== null) {
        // Cut the file after its last complete block, so that programs can read it.
        ftruncate(fd, this.#size, () => {
          this.#isWriting = false;
          if (this.#isOver) closeSync(fd);
          else this.#end(words(errorCode(error)));
        });
        return;
      }
      if (at + written < blocks.length) return this.#write(file, blocks, at + written);
      this.#size += blocks.length;
      this.#isWriting = false;
      this.#waiting.shift();
      this.#waitingBytes -= blocks.length;
      this.#writeNext(file);
    });
  }

  /**
   * Begins the file that follows a full file, and puts the header of the new file in front of the
   * waiting blocks. Returns null if no file can be made; in this case the capture has ended.
   */
  #beginNext(full: OpenCapture): OpenCapture | null {
    const { path, header } = this.#options;
    if (this.#isLast) {
      this.#end("its file is full, and the next process captures now");
      return null;
    }
    let next: OpenCapture;
    try {
      next = openCapture(path, { own: { paths: [], identities: [full.identity] } });
    } catch (error) {
      this.#end(error instanceof RelayError ? error.message : String(error));
      return null;
    }
    this.#file = next;
    closeSync(full.fd);
    this.#size = 0;
    this.#waiting[0] = header;
    this.#waitingBytes += header.length;
    return next;
  }

  #end(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#waiting = [];
    // A write that is under way still uses the descriptor. The callback of this write closes the
    // descriptor.
    if (!this.#isWriting) this.#closeFile();
    this.#whenWritten?.();
    this.#options.ended(reason);
  }
}

function words(code: string): string {
  return `${errnoWords(code)} (${code})`;
}
