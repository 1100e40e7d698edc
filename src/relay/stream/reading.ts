import { type BulkReader, LARGE } from "./bulk-reader.ts";
import type { Side } from "./side.ts";

// The first and the longest pause between two looks, in milliseconds. Each is twice the one before.
const FIRST_PAUSE = 1;
const LONGEST_PAUSE = 4096;

/**
 * Who reads `from`. An own read is a system call of the pipe's own, without Bun.
 *
 * - `events`: Bun reads, and reports each chunk.
 * - `paused`: nobody reads before `to` has taken what is held. Then Bun does.
 * - `room`: nobody reads before `to` has taken what is held. Then the pipe does, by an own read.
 * - `turn`: the pipe does an own read in the next turn of the event loop.
 * - `last turn`: as `turn`, but the own read before found nothing.
 * - `look`: nothing comes, and `to` has little room: a read of Bun's may not fit. The pipe does an own read
 *   when `to` has much room, or after a pause.
 * - `over`: Bun reads, and the pipe drops it, because `to` takes no more.
 */
export type ReadingState = "events" | "paused" | "room" | "turn" | "last turn" | "look" | "over";

/**
 * - `chunk held`: Bun read a chunk, and `to` did not take all of it.
 * - `large chunk held`: the same with a chunk so large that more is likely to follow.
 * - `room again`: `to` took all that was held.
 * - `read passed`: an own read brought bytes, and `to` took all of them.
 * - `read held`: an own read brought bytes, and `to` did not take all of them.
 * - `nothing`: an own read found nothing.
 * - `nothing, little room`: the same, and `to` has little room. Only asked after a second such read.
 * - `end`: an own read met the end of the stream or a failure.
 * - `broken`: `to` takes no more.
 */
export type ReadingEvent =
  | "chunk held"
  | "large chunk held"
  | "room again"
  | "read passed"
  | "read held"
  | "nothing"
  | "nothing, little room"
  | "end"
  | "broken";

type Transitions = Readonly<
  Record<ReadingState, Readonly<Partial<Record<ReadingEvent, ReadingState>>>>
>;

// As in the docstring of `Reading`; a test compares the two. A transition that is missing cannot happen.
const TABLE: Transitions = {
  events: {
    "chunk held": "paused",
    "large chunk held": "room",
    "room again": "events",
    "read passed": "turn",
    "read held": "room",
    nothing: "events",
    "nothing, little room": "look",
    end: "events",
    broken: "over",
  },
  paused: {
    "chunk held": "paused",
    "large chunk held": "paused",
    "room again": "events",
    broken: "over",
  },
  room: {
    "chunk held": "room",
    "large chunk held": "room",
    "room again": "turn",
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
    end: "events",
    broken: "over",
  },
  over: {
    "chunk held": "over",
    "large chunk held": "over",
    "room again": "over",
    broken: "over",
  },
};

/** A pipe, as `Reading` needs it. */
export interface Reader {
  readonly from: Side;
  /** Does an own read. Called in `turn`, `last turn` and `look`. */
  takeTurn(): void;
  /** Whether `to` has much room. */
  hasMuchRoom(): boolean;
  /** Asks for `roomAgain` once `to` has much room. */
  awaitMuchRoom(): void;
}

// After an own read so many chunks are taken for bulk, whatever their size: bulk that stalls comes in
// small chunks, too.
const CHUNKS_OF_BULK = 16;

/**
 * Decides who reads `from`: Bun, the pipe, or nobody.
 *
 * Bun allocates a buffer of up to 512 KiB for each read. For requests that costs least, but for bulk it
 * costs a lot. So after a large chunk the pipe pauses Bun and does own reads as long as bytes come. It
 * does one in each turn of the event loop, so that other connections get their turn.
 *
 * | state       | chunk held | large chunk held | room again      | read passed | read held | nothing     | nothing, little room | end      | broken |
 * | ----------- | ---------- | ---------------- | --------------- | ----------- | --------- | ----------- | -------------------- | -------- | ------ |
 * | `events`    | `paused`   | `room`           | `events`        | `turn`      | `room`    | `events`    | `look`               | `events` | `over` |
 * | `paused`    | `paused`   | `paused`         | `events`        |             |           |             |                      |          | `over` |
 * | `room`      | `room`     | `room`           | `turn` now      |             |           |             |                      |          | `over` |
 * | `turn`      | `room`     | `room`           | `turn`          | `turn`      | `room`    | `last turn` | `last turn`          | `events` | `over` |
 * | `last turn` | `room`     | `room`           | `last turn`     | `turn`      | `room`    | `events`    | `look`               | `events` | `over` |
 * | `look`      | `room`     | `room`           | `look` now      | `turn`      | `room`    | `events`    | `look`               | `events` | `over` |
 * | `over`      | `over`     | `over`           | `over`          |             |           |             |                      |          | `over` |
 *
 * Bun is paused in `paused`, `room`, `turn`, `last turn` and `look`; a TCP side that failed delivers chunks
 * all the same. In `events` an own read comes only after a large chunk that `to` took whole. A transition
 * to `turn` or `last turn` plans an own read for the next turn of the event loop; "now" does it at once.
 */
export class Reading {
  /** How often reading stopped because `to` did not take all. */
  pauses = 0;
  readonly #reader: Reader;
  /** Null if Bun does all reads. */
  readonly #bulk: BulkReader | null;
  #state: ReadingState = "events";
  /** Whether a call of `turnCame` is planned. */
  #turnPlanned = false;
  /** How many further chunks are taken for bulk. */
  #chunksOfBulk = 0;
  /** Non-null exactly in `look`. */
  #look: Timer | null = null;
  /** Milliseconds before the next look. */
  #pause = FIRST_PAUSE;

  constructor(reader: Reader, bulk: BulkReader | null) {
    this.#reader = reader;
    this.#bulk = bulk;
  }

  get state(): ReadingState {
    return this.#state;
  }

  /** Whether an own read is planned for the next turn. */
  get isTurn(): boolean {
    return isTurn(this.#state);
  }

  /** Whether Bun is paused. It reads from a TCP side that failed all the same. */
  get isPaused(): boolean {
    return pauses(this.#state);
  }

  /** `to` took all of a chunk that Bun read. True if the pipe must do an own read now. */
  chunkPassed(length: number): boolean {
    if (length >= LARGE) return this.#bulk !== null && this.#state === "events";
    if (this.#chunksOfBulk > 0) this.#chunksOfBulk -= 1;
    else this.#bulk?.chunkPassed(length);
    return false;
  }

  /** `to` did not take all of a chunk that Bun read, of `length` bytes. */
  chunkHeld(length: number): void {
    this.#move(this.#bulk !== null && length >= LARGE ? "large chunk held" : "chunk held");
  }

  /** `to` took all that was held. True if the pipe must do an own read now. */
  roomAgain(): boolean {
    const isTurn = this.#state === "room" || this.#state === "look";
    this.#move("room again");
    return isTurn;
  }

  /** An own read brought bytes. `passed`: `to` took all of them. */
  hasRead(passed: boolean): void {
    this.#chunksOfBulk = CHUNKS_OF_BULK;
    this.#move(passed ? "read passed" : "read held");
  }

  /** An own read found nothing. */
  foundNothing(): void {
    const asks = this.#state !== "turn";
    this.#move(asks && !this.#reader.hasMuchRoom() ? "nothing, little room" : "nothing");
  }

  /** An own read met the end of the stream or a failure. Bun reads next, and reports it. */
  foundEnd(): void {
    this.#move("end");
  }

  /** `to` takes no more. */
  broke(): void {
    this.#move("broken");
  }

  /** The planned turn came. */
  turnCame(): void {
    this.#turnPlanned = false;
    if (isTurn(this.#state)) this.#reader.takeTurn();
  }

  /** The time of a look came. */
  lookCame(): void {
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
    if (after !== "look") return;
    if (before === "look") {
      this.#pause = Math.min(2 * this.#pause, LONGEST_PAUSE);
    } else {
      this.#pause = FIRST_PAUSE;
      this.#reader.awaitMuchRoom();
    }
    this.#look = setTimeout(lookCame, this.#pause, this);
    // Only the connection keeps the process alive.
    this.#look.unref();
  }

  #planTurn(): void {
    if (this.#turnPlanned) return;
    this.#turnPlanned = true;
    setImmediate(turnCame, this);
  }
}

/** Whether Bun is paused. */
function pauses(state: ReadingState): boolean {
  return state !== "events" && state !== "over";
}

/** Whether nobody reads before `to` has taken what is held. */
function waits(state: ReadingState): boolean {
  return state === "paused" || state === "room";
}

/** Whether an own read is planned. */
function isTurn(state: ReadingState): boolean {
  return state === "turn" || state === "last turn";
}

function lookCame(reading: Reading): void {
  reading.lookCame();
}

function turnCame(reading: Reading): void {
  reading.turnCame();
}
