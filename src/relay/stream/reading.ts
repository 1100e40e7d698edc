import { type BulkReader, LARGE, SMALL } from "./bulk-reader.ts";
import type { Side } from "./side.ts";

/**
 * Who reads `from` next.
 *
 * - `events`: Bun reads, and tells of each chunk.
 * - `paused`: nobody, until `to` has taken what is held; then Bun.
 * - `room`: nobody, until `to` has taken what is held; then the pipe, by a read of its own.
 * - `turn`: the pipe, by a read of its own in the next turn of the event loop.
 * - `last turn`: as `turn`, but the read before found nothing.
 * - `over`: Bun; `to` takes no more, and what comes is dropped.
 */
export type ReadingState = "events" | "paused" | "room" | "turn" | "last turn" | "over";

/**
 * - `chunk held`: `to` did not take all of a chunk that Bun read.
 * - `large chunk held`: the same, and more is behind the chunk.
 * - `room again`: `to` has taken all that was held.
 * - `read passed`: `to` took all that the pipe read by itself.
 * - `read held`: `to` took a part of that.
 * - `nothing`: the pipe read by itself, and nothing had come.
 * - `end`: the pipe read by itself, and met the end of the stream or a failure.
 * - `broken`: `to` takes no more.
 */
export type ReadingEvent =
  | "chunk held"
  | "large chunk held"
  | "room again"
  | "read passed"
  | "read held"
  | "nothing"
  | "end"
  | "broken";

type Transitions = Readonly<
  Record<ReadingState, Readonly<Partial<Record<ReadingEvent, ReadingState>>>>
>;

// The table in the docstring of `Reading`; a test compares the two. What is not there cannot happen.
const TABLE: Transitions = {
  events: {
    "chunk held": "paused",
    "large chunk held": "room",
    "room again": "events",
    "read passed": "turn",
    "read held": "room",
    nothing: "events",
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

/** A pipe, as far as its reading is concerned. */
export interface Reader {
  readonly from: Side;
  /** Reads once by itself; called in `turn` and `last turn`. */
  takeTurn(): void;
}

// Bulk that pauses comes in chunks of any size: so many of them after a read are no request.
const CHUNKS_OF_BULK = 16;

/**
 * How one direction reads: when Bun reads, when the pipe reads by itself, when nobody does.
 *
 * Bun makes a buffer of up to 512 KiB for each read. That is best for a request now and then, and dear
 * for bulk. So after a large chunk the pipe reads by itself, with Bun's reading paused, as long as
 * bytes come: once in each turn of the event loop, so that other connections have theirs.
 *
 * | state       | chunk held | large chunk held | room again  | read passed | read held | nothing     | end      | broken |
 * | ----------- | ---------- | ---------------- | ----------- | ----------- | --------- | ----------- | -------- | ------ |
 * | `events`    | `paused`   | `room`           | `events`    | `turn`      | `room`    | `events`    | `events` | `over` |
 * | `paused`    | `paused`   | `paused`         | `events`    |             |           |             |          | `over` |
 * | `room`      | `room`     | `room`           | `turn` now  |             |           |             |          | `over` |
 * | `turn`      | `room`     | `room`           | `turn`      | `turn`      | `room`    | `last turn` | `events` | `over` |
 * | `last turn` | `room`     | `room`           | `last turn` | `turn`      | `room`    | `events`    | `events` | `over` |
 * | `over`      | `over`     | `over`           | `over`      |             |           |             |          | `over` |
 *
 * Bun's reading is paused in `paused`, `room`, `turn` and `last turn`. A chunk of a paused side comes
 * all the same if the side is TCP and failed. In `events` the pipe reads by itself only after a large
 * chunk that `to` took whole. A move to `turn` or `last turn` plans a turn; with "now" the pipe reads
 * at once.
 */
export class Reading {
  /** How often reading paused because `to` took no more. */
  pauses = 0;
  readonly #reader: Reader;
  /** Null if all reading is Bun's. */
  readonly #bulk: BulkReader | null;
  #state: ReadingState = "events";
  /** Whether the event loop will call `turnCame`. */
  #turnPlanned = false;
  /** Above 0 for so many chunks after a read of the pipe's own. */
  #chunksOfBulk = 0;

  constructor(reader: Reader, bulk: BulkReader | null) {
    this.#reader = reader;
    this.#bulk = bulk;
  }

  get state(): ReadingState {
    return this.#state;
  }

  /** Whether Bun is not to read; from a TCP side that failed it reads all the same. */
  get isPaused(): boolean {
    return pauses(this.#state);
  }

  /** `to` took the whole of a chunk that Bun read. True if the pipe is to read by itself now. */
  chunkPassed(length: number): boolean {
    if (length >= LARGE) return this.#bulk !== null && this.#state === "events";
    if (this.#chunksOfBulk > 0) this.#chunksOfBulk -= 1;
    else if (length < SMALL) this.#bulk?.small();
    return false;
  }

  /** `to` did not take all of a chunk that Bun read. */
  chunkHeld(length: number): void {
    this.#move(this.#bulk !== null && length >= LARGE ? "large chunk held" : "chunk held");
  }

  /** `to` has taken all that was held. True if the pipe is to read by itself now. */
  roomAgain(): boolean {
    const isTurn = this.#state === "room";
    this.#move("room again");
    return isTurn;
  }

  /** The pipe has read by itself, and `to` took all of that or not. */
  hasRead(passed: boolean): void {
    this.#chunksOfBulk = CHUNKS_OF_BULK;
    this.#move(passed ? "read passed" : "read held");
  }

  /** The pipe has read by itself, and nothing had come. */
  foundNothing(): void {
    this.#move("nothing");
  }

  /** The pipe has read by itself, and met the end of the stream or a failure: Bun will tell of it. */
  foundEnd(): void {
    this.#move("end");
  }

  /** `to` takes no more. */
  broke(): void {
    this.#move("broken");
  }

  /** The planned turn has come. */
  turnCame(): void {
    this.#turnPlanned = false;
    if (isTurn(this.#state)) this.#reader.takeTurn();
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
  }

  #planTurn(): void {
    if (this.#turnPlanned) return;
    this.#turnPlanned = true;
    setImmediate(turnCame, this);
  }
}

function pauses(state: ReadingState): boolean {
  return state !== "events" && state !== "over";
}

/** Whether `to` must take something first. */
function waits(state: ReadingState): boolean {
  return state === "paused" || state === "room";
}

function isTurn(state: ReadingState): boolean {
  return state === "turn" || state === "last turn";
}

function turnCame(reading: Reading): void {
  reading.turnCame();
}
