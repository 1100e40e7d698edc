import { type BulkReader, LARGE } from "./bulk-reader.ts";
import {
  isTurn,
  pauses,
  type ReadingEvent,
  type ReadingState,
  stateAfter,
  waits,
} from "./reading-states.ts";
import type { CrowdMember } from "./crowd-of-small-chunks.ts";
import type { Side } from "./side.ts";
import type { ByteWaiter } from "./await-bytes-without-bun.ts";

// The first pause between two reads in the state `look` (`ReadingState`), in milliseconds. Each
// further pause is twice as long as the pause before.
const FIRST_PAUSE = 1;
// The longest pause between two reads in the state `look`, in milliseconds, if `ByteWatch` does not
// tell the pipe when bytes come.
const LONGEST_PAUSE = 1024;
// The pause between two reads in the state `look`, in milliseconds, if `ByteWatch` tells the pipe
// when bytes come. If no bytes come, only this pause ends the state `look` after all pipes together
// hold few enough bytes again.
const TOLD_PAUSE = 32 * LONGEST_PAUSE;

/** The part of a pipe that `Reading` needs. */
export interface Reader extends CrowdMember {
  readonly from: Side;
  /**
   * Reads once without Bun, by the relay's own system call, and reports the result to `Reading`.
   * Called in the states `turn`, `last turn` and `look` (`ReadingState`).
   */
  takeTurn(): void;
  /**
   * Reads a small chunk without Bun, and reports to `Reading` what is more than a small chunk that
   * was passed on. Called in the state `crowd`, when `from` has bytes.
   */
  readInCrowd(): void;
  /**
   * Returns true if three conditions hold: `to` has much room, the kernel's report of this room can
   * be trusted, and all pipes together do not hold too many bytes.
   */
  hasMuchRoom(): boolean;
  /** Whether all pipes together hold too many bytes. */
  readonly isSparing: boolean;
  /** Makes the pipe call `roomAgain` as soon as `to` has much room. */
  awaitMuchRoom(): void;
}

// The number of chunks below `LARGE` that still count as part of a large transfer after the relay's
// own system call has read bytes. A large transfer that often stalls also comes in such chunks.
// When this number is used up, the pipe reports each further chunk to `BulkReader.chunkPassed`: a
// small chunk is likely to be a request or an answer, so the next reads of all connections are
// short.
const CHUNKS_OF_BULK = 16;

/**
 * Decides who reads from the sending side of a pipe (`Reader.from`): Bun, the pipe itself, or
 * nobody. Here a pipe is one direction of a connection (`Pipe`), not a pipe of the kernel.
 *
 * Bun allocates a buffer of up to 512 KiB for each read. For requests of a few connections, Bun's
 * reads cost least; for large transfers, the buffers cost a lot. So after a large chunk the pipe
 * pauses Bun's reading, and reads without Bun, by the relay's own system calls, as long as bytes
 * come. The pipe reads once in each turn of the event loop, so that other connections get their
 * turn. It also reads without Bun while many connections are busy with requests (`Crowd`).
 * `ReadingState` explains the states, and `stateAfter` has the table of the transitions.
 */
export class Reading implements ByteWaiter {
  /** The number of times that reading stopped because `to` did not take all bytes. */
  pauses = 0;
  readonly #reader: Reader;
  /** Reads large transfers without Bun; null if Bun does all reads. */
  readonly #bulk: BulkReader | null;
  #state: ReadingState = "events";
  /** Whether a call of `turnCame` is planned. */
  #turnPlanned = false;
  /**
   * The number of further chunks below `LARGE` from Bun that count as part of a large transfer, not
   * as requests or answers (`CHUNKS_OF_BULK`).
   */
  #chunksOfBulk = 0;
  /** The timer of the next read in the state `look`; non-null exactly in this state. */
  #look: Timer | null = null;
  /** The latest pause before a read in the state `look`, in milliseconds. */
  #pause = FIRST_PAUSE;
  /**
   * The descriptor whose bytes are awaited in the states `look` and `crowd`; -1 if none are
   * awaited.
   */
  #awaited = -1;

  constructor(reader: Reader, bulk: BulkReader | null) {
    this.#reader = reader;
    this.#bulk = bulk;
  }

  get state(): ReadingState {
    return this.#state;
  }

  /** Whether the state plans a read without Bun for the next turn of the event loop. */
  get isTurn(): boolean {
    return isTurn(this.#state);
  }

  /**
   * Whether Bun's reading from `from` is paused. During a pause, Bun can deliver bytes only if
   * `from` is a TCP side that has failed.
   */
  get isPaused(): boolean {
    return pauses(this.#state);
  }

  /**
   * Call this when Bun read a chunk of `length` bytes and `to` took the whole chunk.
   *
   * @returns whether the pipe must now read without Bun, because more bytes are likely to follow
   */
  chunkPassed(length: number): boolean {
    if (length >= LARGE) return this.#bulk !== null && this.#state === "events";
    if (this.#chunksOfBulk > 0) this.#chunksOfBulk -= 1;
    else if (this.#bulk?.smallChunkPassed(length, this.#reader) === true) this.crowded();
    return false;
  }

  /**
   * Pauses Bun's reading. Call this when Bun read a chunk of `length` bytes, and the other side did
   * not take all of the chunk.
   */
  chunkHeld(length: number): void {
    this.#move(this.#bulk !== null && length >= LARGE ? "large chunk held" : "chunk held");
  }

  /**
   * Continues the reading if held bytes have stopped the reading. Call this when `to` took all held
   * bytes.
   *
   * @returns whether the pipe must now read without Bun
   */
  roomAgain(): boolean {
    const isTurn = this.#state === "room" || this.#state === "look";
    this.#move("room again");
    return isTurn;
  }

  /**
   * Call this when a read without Bun brought bytes. If `to` took all of them, plans the next read
   * without Bun. Else nobody reads until `to` has taken the held bytes.
   *
   * @param passed - whether `to` took all of the bytes
   */
  hasRead(passed: boolean): void {
    this.#chunksOfBulk = CHUNKS_OF_BULK;
    this.#move(passed ? "read passed" : "read held");
  }

  /**
   * Chooses who reads next. Call this when a read without Bun found no bytes. In the state `turn`,
   * the pipe reads once more without Bun. In any other state Bun reads next; but if one of Bun's
   * reads may bring too many bytes, the pipe waits in the state `look`.
   */
  foundNothing(): void {
    const asks = this.#state !== "turn";
    this.#move(asks && !this.#reader.hasMuchRoom() ? "nothing, little room" : "nothing");
  }

  /**
   * Lets Bun read next, so that Bun reports the end of the stream or the failure. Call this when a
   * read without Bun found the end of the stream, or failed.
   */
  foundEnd(): void {
    this.#move("end");
  }

  /**
   * Lets the pipe do the next reads, because one of Bun's reads may bring 512 KiB. Changes nothing
   * if there is no bulk reader, because only Bun can read in that case. Call this when all pipes
   * together hold too many bytes.
   */
  memoryFull(): void {
    if (this.#bulk === null) return;
    if (this.#state === "look") this.#awaitBytes();
    else this.#move("memory full");
  }

  /**
   * Lets the pipe read each time that bytes come, if Bun reads now. Call this when many connections
   * with small chunks are busy (`Crowd`).
   */
  crowded(): void {
    if (this.#bulk === null || this.#state !== "events") return;
    const { fd } = this.#reader.from;
    if (!this.#bulk.arrivals.watch(fd, this)) return;
    this.#awaited = fd;
    this.#move("crowded");
  }

  /**
   * Lets Bun read again in the state `crowd`; changes nothing in other states. Call this when the
   * crowd is over, and before the descriptor of `from` may be closed.
   */
  leaveCrowd(): void {
    if (this.#state === "crowd") this.#move("crowd over");
  }

  /**
   * Lets Bun read from now on; the pipe drops the bytes. Call this when `to` will never take bytes
   * again.
   */
  broke(): void {
    this.#move("broken");
  }

  /**
   * Does the read without Bun that was planned for this turn of the event loop, if the state is
   * still `turn` or `last turn`.
   */
  turnCame(): void {
    this.#turnPlanned = false;
    if (isTurn(this.#state)) this.#reader.takeTurn();
  }

  /** Reads without Bun if the state is still `look`. Called when the pause `#pause` is over. */
  lookCame(): void {
    if (this.#state !== "look") return;
    const look = this.#look;
    this.#reader.takeTurn();
    // Every read removes this timer, or replaces it by a new timer. If the timer is still there,
    // the pipe has not read, because it cannot read any more. Such a pipe need not wait for bytes.
    if (this.#look === look) this.#forgetBytes();
  }

  /** Reads without Bun in the states `look` and `crowd`. Called when bytes of `from` came. */
  bytesCame(): void {
    if (this.#state === "crowd") return this.#reader.readInCrowd();
    this.#awaited = -1;
    if (this.#state === "look") this.#reader.takeTurn();
  }

  #move(event: ReadingEvent): void {
    const before = this.#state;
    const after = stateAfter(before, event);
    this.#state = after;
    if (before === "crowd" && after !== "crowd") this.#forgetBytes();
    if (pauses(before) !== pauses(after)) {
      if (pauses(after)) this.#reader.from.pause();
      else this.#reader.from.resume();
    }
    if (waits(after) && !waits(before)) this.pauses += 1;
    if (isTurn(after) && event !== "room again") this.#planTurn();
    if (event !== "room again" && (before === "look" || after === "look"))
      this.#planLook(before, after);
  }

  #planLook(before: ReadingState, after: ReadingState): void {
    if (this.#look !== null) clearTimeout(this.#look);
    this.#look = null;
    if (after !== "look") return this.#forgetBytes();
    if (this.#awaitBytes()) {
      this.#pause = TOLD_PAUSE;
    } else if (before === "look" && this.#pause !== TOLD_PAUSE) {
      this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE);
    } else {
      this.#pause = FIRST_PAUSE;
      this.#reader.awaitMuchRoom();
    }
    this.#look = setTimeout(lookCame, this.#pause, this);
    // Unreference the timer, because the timer alone must not keep the process alive; open sockets
    // do.
    this.#look.unref();
  }

  /**
   * If all pipes together hold too many bytes, asks the bulk reader to call `bytesCame` when bytes
   * arrive.
   *
   * @returns whether the bulk reader will surely call `bytesCame`; false if it was not asked
   */
  #awaitBytes(): boolean {
    if (this.#bulk === null || !this.#reader.isSparing) return false;
    const { fd } = this.#reader.from;
    const isCertain = this.#bulk.arrivals.wait(fd, this);
    this.#awaited = fd;
    return isCertain;
  }

  #forgetBytes(): void {
    if (this.#awaited < 0) return;
    this.#bulk?.arrivals.forget(this.#awaited, this);
    this.#awaited = -1;
  }

  #planTurn(): void {
    if (this.#turnPlanned) return;
    this.#turnPlanned = true;
    setImmediate(turnCame, this);
  }
}

function lookCame(reading: Reading): void {
  reading.lookCame();
}

function turnCame(reading: Reading): void {
  reading.turnCame();
}
