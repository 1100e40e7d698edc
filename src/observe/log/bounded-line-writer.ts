import { write, writeSync } from "node:fs";
import { errorCode } from "../../os/errno.ts";
import { libc } from "../../os/libc.ts";
import { TextBuffer } from "./text-buffer.ts";

const ROOM = 1024 * 1024;
const RETRY_MS = 50;

// The time, in milliseconds, for which lines are collected under load before they are written
// together. One write takes as long as formatting twenty lines, so fewer writes save time.
const GATHER_MS = 50;

// The number of bytes at which the collected lines are written before GATHER_MS is over.
const GATHER_BYTES = 64 * 1024;

// The maximum size, in bytes, of a buffer that is kept for the next lines.
const SPARE_MOST = 256 * 1024;

// A pipe that is writable takes this number of bytes without blocking (PIPE_BUF, pipe(7)).
const TAKEN_LEAST = 4096;

// The length of one step in `afterSteps`, in milliseconds.
const STEP_MS = 10;

const LINE_FEED = 0x0a;

/**
 * Called after the first successful write that follows a loss.
 *
 * @param lost - the number of dropped lines
 * @param code - the code of the latest write that failed; null if there was only no room
 */
export type Recovered = (lost: number, code: string | null) => void;

/**
 * Calls `act` after `limit` milliseconds, counted in steps of `STEP_MS`. While a busy machine does
 * not run this process, the thread that writes the lines does not run either. Such a pause counts
 * as only one step, however long it is, so that the thread still gets the whole `limit`.
 *
 * @returns a function that cancels the call
 */
function afterSteps(limit: number, act: () => void): () => void {
  let left = Math.ceil(limit / STEP_MS);
  const step = () => {
    left -= 1;
    if (left < 0) act();
    else timer = setTimeout(step, STEP_MS);
  };
  let timer = setTimeout(step, 0);
  return () => clearTimeout(timer);
}

/**
 * Writes log lines to a descriptor, and never blocks the relay. The descriptor may be a full pipe,
 * a stopped terminal, a file on a full disk, or closed.
 *
 * Another thread does the writing. Up to 1 MiB of lines waits for that thread; further lines are
 * dropped and counted. This class does not use `process.stderr`: Bun writes to a terminal on the
 * event loop's own thread, and `writableLength` stays 0 even if a pipe is full (Bun 1.4.5).
 */
export class BoundedLineWriter {
  readonly #fd: number;
  readonly #recovered: Recovered;
  readonly #room: number;
  /** The lines that wait for the next write. */
  #waiting = new TextBuffer();
  /**
   * The buffer of the latest write. When the next write starts, the latest write has ended, and
   * this buffer becomes `#waiting`. Null before the first write, and if the buffer is larger than
   * `SPARE_MOST`.
   */
  #spare: TextBuffer | null = null;
  /** The number of bytes that wait or are being written. */
  #held = 0;
  /** The number of lines that were dropped since the last successful write. */
  #lost = 0;
  #lostBefore = 0;
  /** The code of the latest failed write; null if none failed since the last successful one. */
  #failure: string | null = null;
  /** Whether the last written byte has ended a line; true before the first write. */
  #endsLine = true;
  /** Whether a failed write has left the last line incomplete. */
  #isTorn = false;
  /** The rest of the write that has not ended yet; null if there is none. */
  #unwritten: Uint8Array | null = null;
  #started = -Infinity;
  /** The timer of the next write; defined exactly while lines are being collected. */
  #gathering: Timer | undefined;
  #idle: PromiseWithResolvers<void> | undefined;

  /**
   * @param room - the maximum number of bytes that wait or are being written
   */
  constructor(fd: number, recovered: Recovered, room = ROOM) {
    this.#fd = fd;
    this.#recovered = recovered;
    this.#room = room;
  }

  /** The number of lines that were dropped since the start. */
  get lost(): number {
    return this.#lostBefore + this.#lost;
  }

  /** Queues a line, or drops it if there is no room. */
  write(line: string): void {
    if (!this.#hasRoom(line.length)) return;
    const before = this.#waiting.length;
    this.#waiting.append(line);
    this.#added(before);
  }

  /**
   * Queues the line that `append` makes of a time and a message, or drops the line if there is no
   * room.
   */
  writeMessage(
    append: (line: TextBuffer, time: number, message: TextBuffer) => void,
    time: number,
    message: TextBuffer,
  ): void {
    if (!this.#hasRoom(message.length)) return;
    const before = this.#waiting.length;
    append(this.#waiting, time, message);
    this.#added(before);
  }

  /**
   * Whether there is room for a line. If not, counts the line as lost. `length` is the line's
   * length in bytes, or a lower estimate of it.
   */
  #hasRoom(length: number): boolean {
    if (this.#held + length <= this.#room) return true;
    this.#lost++;
    return false;
  }

  /**
   * Counts a line that was appended to `#waiting`, and starts or plans a write. `before` is the
   * number of bytes in `#waiting` before the line.
   */
  #added(before: number): void {
    this.#held += this.#waiting.length - before;
    if (this.#unwritten !== null) return;
    if (this.#gathering === undefined) this.#gather();
    else if (this.#held >= GATHER_BYTES) this.#start();
  }

  /**
   * Settles when all lines are written, or after `limit` milliseconds. Call this last, just before
   * the process exits: after `limit`, a write that has not ended may write its lines again.
   */
  async flush(limit: number): Promise<void> {
    if (this.#gathering !== undefined) this.#start();
    if (this.#unwritten === null) return;
    this.#idle ??= Promise.withResolvers();
    const { promise, resolve } = this.#idle;
    const cancel = afterSteps(limit, resolve);
    await promise;
    cancel();
    this.#writeLast();
  }

  /**
   * Writes what it can without blocking, if a write has not ended in time. That write may wait for
   * a thread, because all threads wait for something that never comes, such as room in a full
   * standard output.
   */
  #writeLast(): void {
    if (this.#unwritten === null || libc?.writable(this.#fd) !== 1) return;
    const last = Buffer.concat([this.#unwritten, this.#waiting.bytes]);
    try {
      writeSync(this.#fd, last, 0, Math.min(last.length, TAKEN_LEAST));
    } catch (error) {
      // For example, the reader has gone. The process ends with the status that it has anyway.
      this.#lose(last, errorCode(error));
    }
    // Forget these lines, because `flush` may be called again for a line about lost lines.
    this.#unwritten = this.#unwritten.subarray(0, 0);
    this.#waiting.clear();
  }

  /**
   * Starts or plans the next write. It starts at once if the previous write is at least `GATHER_MS`
   * old, if `flush` waits, or if `GATHER_BYTES` bytes are collected. Otherwise it starts
   * `GATHER_MS` after the start of the previous write.
   */
  #gather(): void {
    const wait = this.#started + GATHER_MS - performance.now();
    if (wait <= 0 || this.#idle !== undefined || this.#held >= GATHER_BYTES) this.#start();
    else this.#gathering = setTimeout(this.#start, wait);
  }

  readonly #start = (): void => {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    this.#started = performance.now();
    const text = this.#waiting;
    this.#waiting = this.#spare ?? new TextBuffer();
    this.#waiting.clear();
    this.#spare = text.size <= SPARE_MOST ? text : null;
    this.#unwritten = text.bytes;
    if (this.#isTorn) this.#endTornLine(text.bytes);
    else this.#send(text.bytes);
  };

  #send(rest: Uint8Array): void {
    this.#unwritten = rest;
    this.#write(rest, (error, written) => {
      if (error !== null) return this.#failed(rest, error);
      this.#held -= written;
      if (written > 0) this.#endsLine = rest[written - 1] === LINE_FEED;
      if (written < rest.length) this.#send(rest.subarray(written));
      else this.#succeeded();
    });
  }

  /** Ends the incomplete line, so that the first of the new lines begins a line of its own. */
  #endTornLine(lines: Uint8Array): void {
    this.#write(Uint8Array.of(LINE_FEED), (error) => {
      if (error !== null) return this.#failed(lines, error);
      this.#isTorn = false;
      this.#endsLine = true;
      this.#send(lines);
    });
  }

  /** Writes bytes, and passes on the code of the failure or else the number of written bytes. */
  #write(bytes: Uint8Array, done: (error: string | null, written: number) => void): void {
    write(this.#fd, bytes, 0, bytes.length, null, (error, written) => {
      // EAGAIN: the buffer of the pipe or terminal is full, and another process has made the pipe
      // or terminal non-blocking. Try again later.
      if (error?.code === "EAGAIN" || error?.code === "EINTR")
        setTimeout(() => this.#write(bytes, done), RETRY_MS);
      else done(error ? errorCode(error) : null, written);
    });
  }

  #failed(rest: Uint8Array, code: string): void {
    this.#held -= rest.length;
    this.#lose(rest, code);
    this.#isTorn = !this.#endsLine;
    this.#next();
  }

  /** Counts the lines that end in `bytes` as lost. */
  #lose(bytes: Uint8Array, code: string): void {
    this.#lost += bytes.reduce((lines, byte) => (byte === LINE_FEED ? lines + 1 : lines), 0);
    this.#failure = code;
  }

  #succeeded(): void {
    const [lost, code] = [this.#lost, this.#failure];
    this.#lost = 0;
    this.#lostBefore += lost;
    this.#failure = null;
    if (lost > 0) this.#recovered(lost, code);
    this.#next();
  }

  #next(): void {
    this.#unwritten = null;
    if (this.#waiting.length > 0) {
      this.#gather();
      return;
    }
    this.#idle?.resolve();
    this.#idle = undefined;
  }
}
