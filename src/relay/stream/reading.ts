import { type BulkReader, LARGE } from "./bulk-reader.ts";
import type { Side } from "./side.ts";
import type { ByteWaiter } from "./watch-for-bytes.ts";

// The first pause between two own reads in the state `look`, in milliseconds. Each further pause is
// twice as long as the pause before.
const FIRST_PAUSE = 1;
// The longest pause between two own reads in the state `look`, in milliseconds.
const LONGEST_PAUSE = 1024;
// The pause between two own reads in the state `look`, in milliseconds, if the pipe is told when
// bytes come (`ByteWatch`). This pause only ends the state some time after all pipes together hold
// little enough again.
const TOLD_PAUSE = 32 * LONGEST_PAUSE;

/**
 * The state of the reading: who reads `from`. An own read is a read by the relay's own system call,
 * without Bun.
 *
 * - `events`: Bun reads, and reports each chunk.
 * - `paused`: nobody reads until `to` has taken the held bytes. After that, Bun reads.
 * - `room`: nobody reads until `to` has taken the held bytes. After that, the pipe does an own
 *   read.
 * - `turn`: the pipe does an own read in the next turn of the event loop.
 * - `last turn`: like `turn`, but the previous own read found no bytes.
 * - `look`: the last own read found no bytes, or all pipes together hold too many bytes. Bun must
 *   not read, because `to` has little room or the pipes hold too many bytes, and one of Bun's reads
 *   may bring too many. The pipe does an own read after a pause. It does one earlier when bytes come, if the pipes
 *   hold too many bytes, and otherwise when `to` has much room.
 * - `over`: Bun reads, and the pipe drops the bytes, because `to` takes no more bytes.
 */
export type ReadingState = "events" | "paused" | "room" | "turn" | "last turn" | "look" | "over";

/**
 * The events that change the state.
 *
 * - `chunk held`: Bun read a chunk, and `to` did not take all of it.
 * - `large chunk held`: like `chunk held`, but the chunk is so large that more chunks are likely to
 *   follow.
 * - `room again`: `to` took all held bytes.
 * - `read passed`: an own read brought bytes, and `to` took all of them.
 * - `read held`: an own read brought bytes, and `to` did not take all of them.
 * - `nothing`: an own read found no bytes.
 * - `nothing, little room`: like `nothing`, but `to` also has little room, or all pipes together
 *   hold too many bytes. In the state `turn` neither is checked, so the event is always `nothing`.
 * - `memory full`: all pipes together hold too many bytes.
 * - `end`: an own read found the end of the stream or a failure.
 * - `broken`: `to` takes no more bytes.
 */
export type ReadingEvent =
  | "chunk held"
  | "large chunk held"
  | "room again"
  | "read passed"
  | "read held"
  | "nothing"
  | "nothing, little room"
  | "memory full"
  | "end"
  | "broken";

type Transitions = Readonly<
  Record<ReadingState, Readonly<Partial<Record<ReadingEvent, ReadingState>>>>
>;

// The transitions, as in the docstring of `Reading`; a test compares the two tables. A transition
// that is missing here cannot happen.
const TABLE: Transitions = {
  events: {
    "chunk held": "paused",
    "large chunk held": "room",
    "room again": "events",
    "read passed": "turn",
    "read held": "room",
    nothing: "events",
    "nothing, little room": "look",
    "memory full": "look",
    end: "events",
    broken: "over",
  },
  paused: {
    "chunk held": "paused",
    "large chunk held": "paused",
    "room again": "events",
    "memory full": "paused",
    broken: "over",
  },
  room: {
    "chunk held": "room",
    "large chunk held": "room",
    "room again": "turn",
    "memory full": "room",
    broken: "over",
  },
  turn: {
    "chunk held": "room",
    "large chunk held": "room",
    "room again": "turn",
    "read passed": "turn",
    "read held": "room",
    nothing: "last turn",
    "nothing, little room": "last turn",
    "memory full": "turn",
    end: "events",
    broken: "over",
  },
  "last turn": {
    "chunk held": "room",
    "large chunk held": "room",
    "room again": "last turn",
    "read passed": "turn",
    "read held": "room",
    nothing: "events",
    "nothing, little room": "look",
    "memory full": "last turn",
    end: "events",
    broken: "over",
  },
  look: {
    "chunk held": "room",
    "large chunk held": "room",
    "room again": "look",
    "read passed": "turn",
    "read held": "room",
    nothing: "events",
    "nothing, little room": "look",
    "memory full": "look",
    end: "events",
    broken: "over",
  },
  over: {
    "chunk held": "over",
    "large chunk held": "over",
    "room again": "over",
    "memory full": "over",
    broken: "over",
  },
};

/** The part of a pipe that `Reading` needs. */
export interface Reader {
  readonly from: Side;
  /** Does an own read. Called in the states `turn`, `last turn` and `look`. */
  takeTurn(): void;
  /**
   * Returns whether `to` has much room, the kernel's report of this room can be trusted, and all
   * pipes together do not hold too many bytes.
   */
  hasMuchRoom(): boolean;
  /** Whether all pipes together hold too many bytes. */
  readonly isSparing: boolean;
  /** Makes the pipe call `roomAgain` as soon as `to` has much room. */
  awaitMuchRoom(): void;
}

// After an own read that brought bytes, the direction moves bulk, and bulk that often stalls also
// comes in small chunks. So this number of Bun's next small chunks do not count as requests: they
// do not make the reads of all connections short (`BulkReader.chunkPassed`).
const CHUNKS_OF_BULK = 16;

/**
 * Decides who reads `from`: Bun, the pipe, or nobody.
 *
 * Bun allocates a buffer of up to 512 KiB for each read. For requests, Bun's reads cost least; for
 * bulk, the buffers cost a lot. So after a large chunk the pipe pauses Bun and does own reads as
 * long as bytes come. The pipe does one own read in each turn of the event loop, so that other
 * connections get their turn.
 *
 * Each row of this table is a state, each column an event, and each cell the next state. An empty
 * cell means that the event cannot happen in the state.
 *
 * | state       | chunk held | large chunk held | room again      | read passed | read held | nothing     | nothing, little room | memory full | end      | broken |
 * | ----------- | ---------- | ---------------- | --------------- | ----------- | --------- | ----------- | -------------------- | ----------- | -------- | ------ |
 * | `events`    | `paused`   | `room`           | `events`        | `turn`      | `room`    | `events`    | `look`               | `look`      | `events` | `over` |
 * | `paused`    | `paused`   | `paused`         | `events`        |             |           |             |                      | `paused`    |          | `over` |
 * | `room`      | `room`     | `room`           | `turn` now      |             |           |             |                      | `room`      |          | `over` |
 * | `turn`      | `room`     | `room`           | `turn`          | `turn`      | `room`    | `last turn` | `last turn`          | `turn`      | `events` | `over` |
 * | `last turn` | `room`     | `room`           | `last turn`     | `turn`      | `room`    | `events`    | `look`               | `last turn` | `events` | `over` |
 * | `look`      | `room`     | `room`           | `look` now      | `turn`      | `room`    | `events`    | `look`               | `look`      | `events` | `over` |
 * | `over`      | `over`     | `over`           | `over`          |             |           |             |                      | `over`      |          | `over` |
 *
 * A transition to `turn` or `last turn` plans an own read for the next turn of the event loop. At a
 * transition marked "now", the pipe does an own read at once.
 *
 * The row `events` also has cells for the results of own reads: after a large chunk that `to` took
 * completely, the pipe does an own read at once, while the state is still `events`. Only the result
 * of this read changes the state.
 *
 * Bun is paused in `paused`, `room`, `turn`, `last turn` and `look`, but a failed TCP side delivers
 * chunks even then.
 */
export class Reading implements ByteWaiter {
  /** The number of times that reading stopped because `to` did not take all bytes. */
  pauses = 0;
  readonly #reader: Reader;
  /** The reader of bulk; null if Bun does all reads. */
  readonly #bulk: BulkReader | null;
  #state: ReadingState = "events";
  /** Whether a call of `turnCame` is planned. */
  #turnPlanned = false;
  /** The number of Bun's next small chunks that do not count as requests (`CHUNKS_OF_BULK`). */
  #chunksOfBulk = 0;
  /** The timer of the next own read in the state `look`; non-null exactly in this state. */
  #look: Timer | null = null;
  /** The latest pause before an own read in the state `look`, in milliseconds. */
  #pause = FIRST_PAUSE;
  /** The descriptor whose bytes are awaited in the state `look`; -1 if none are awaited. */
  #awaited = -1;

  constructor(reader: Reader, bulk: BulkReader | null) {
    this.#reader = reader;
    this.#bulk = bulk;
  }

  get state(): ReadingState {
    return this.#state;
  }

  /** Whether the state plans an own read for the next turn of the event loop. */
  get isTurn(): boolean {
    return isTurn(this.#state);
  }

  /** Whether Bun is paused. Bun reads from a failed TCP side even while it is paused. */
  get isPaused(): boolean {
    return pauses(this.#state);
  }

  /**
   * Decides whether an own read follows a whole chunk that Bun read and that `to` took.
   *
   * @returns whether the pipe must do an own read now
   */
  chunkPassed(length: number): boolean {
    if (length >= LARGE) return this.#bulk !== null && this.#state === "events";
    if (this.#chunksOfBulk > 0) this.#chunksOfBulk -= 1;
    else this.#bulk?.chunkPassed(length);
    return false;
  }

  /**
   * Pauses Bun. Call this when `to` did not take all of a chunk of `length` bytes that Bun read.
   */
  chunkHeld(length: number): void {
    this.#move(this.#bulk !== null && length >= LARGE ? "large chunk held" : "chunk held");
  }

  /**
   * Continues reading if the held bytes stopped it. Call this when `to` took all held bytes.
   *
   * @returns whether the pipe must do an own read now
   */
  roomAgain(): boolean {
    const isTurn = this.#state === "room" || this.#state === "look";
    this.#move("room again");
    return isTurn;
  }

  /**
   * Plans the next own read, or waits if bytes are held. Call this when an own read brought bytes.
   *
   * @param passed - whether `to` took all of the bytes
   */
  hasRead(passed: boolean): void {
    this.#chunksOfBulk = CHUNKS_OF_BULK;
    this.#move(passed ? "read passed" : "read held");
  }

  /**
   * Chooses who reads next. Call this when an own read found no bytes. In the state `turn`, the
   * pipe does one more own read. In any other state Bun reads, or the pipe waits in the state
   * `look` if one of Bun's reads may bring too many bytes.
   */
  foundNothing(): void {
    const asks = this.#state !== "turn";
    this.#move(asks && !this.#reader.hasMuchRoom() ? "nothing, little room" : "nothing");
  }

  /**
   * Lets Bun read next, so that Bun reports the end of the stream or the failure. Call this when an
   * own read found the end of the stream, or failed.
   */
  foundEnd(): void {
    this.#move("end");
  }

  /**
   * Lets the pipe do the next reads, because one of Bun's reads may bring 512 KiB. If Bun must do
   * all reads, nothing changes. Call this when all pipes together hold too many bytes.
   */
  memoryFull(): void {
    if (this.#bulk === null) return;
    if (this.#state === "look") this.#awaitBytes();
    else this.#move("memory full");
  }

  /** Lets Bun read from now on. Call this when `to` takes no more bytes. */
  broke(): void {
    this.#move("broken");
  }

  /**
   * Does the own read that was planned for this turn of the event loop, if the state still plans
   * it.
   */
  turnCame(): void {
    this.#turnPlanned = false;
    if (isTurn(this.#state)) this.#reader.takeTurn();
  }

  /** Does an own read if the state is still `look`. Called when the pause `#pause` is over. */
  lookCame(): void {
    if (this.#state !== "look") return;
    const look = this.#look;
    this.#reader.takeTurn();
    // If no further read was planned, the pipe does not read any more.
    if (this.#look === look) this.#forgetBytes();
  }

  /** Does an own read if the state is still `look`. Called when bytes of `from` came. */
  bytesCame(): void {
    this.#awaited = -1;
    if (this.#state === "look") this.#reader.takeTurn();
  }

  #move(event: ReadingEvent): void {
    const before = this.#state;
    const after = TABLE[before][event];
    if (after === undefined) throw new Error(`a pipe in ${before} met ${event}`);
    this.#state = after;
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
   * Makes the bulk reader call `bytesCame` if all pipes together hold too many bytes.
   *
   * @returns whether the call is certain
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

/** Returns whether Bun is paused in a state. */
function pauses(state: ReadingState): boolean {
  return state !== "events" && state !== "over";
}

/** Returns whether reading stops in a state until `to` has taken the held bytes. */
function waits(state: ReadingState): boolean {
  return state === "paused" || state === "room";
}

/** Returns whether a state plans an own read for the next turn of the event loop. */
function isTurn(state: ReadingState): boolean {
  return state === "turn" || state === "last turn";
}

function lookCame(reading: Reading): void {
  reading.lookCame();
}

function turnCame(reading: Reading): void {
  reading.turnCame();
}
