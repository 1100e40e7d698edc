/**
 * The state of a pipe's reading: who reads from the sender, `from`. The pipe writes to the
 * receiver, `to`. A read without Bun is a read by the relay's own system call.
 *
 * - `events`: Bun reads, and reports each chunk.
 * - `paused`: nobody reads until `to` has taken the held bytes. After that, Bun reads.
 * - `room`: nobody reads until `to` has taken the held bytes. After that, the pipe reads without
 *   Bun.
 * - `turn`: the pipe reads without Bun in the next turn of the event loop.
 * - `last turn`: like `turn`, but the previous read without Bun found no bytes.
 * - `look`: Bun must not read, because one of Bun's reads may bring too many bytes: `to` has little
 *   room, or all pipes together hold too many bytes already. The pipe waits for some time and reads
 *   without Bun. If `to` has little room, the wait ends early when `to` has much room. If all pipes
 *   together hold too many bytes, the wait ends early when bytes arrive at `from`.
 * - `crowd`: the pipe reads without Bun each time that bytes have come, because many connections
 *   with small chunks are busy (`Crowd`).
 * - `over`: Bun reads, and the pipe drops the bytes, because `to` takes no more bytes.
 */
export type ReadingState =
  "events" | "paused" | "room" | "turn" | "last turn" | "look" | "crowd" | "over";

/**
 * The events that change the state.
 *
 * - `chunk held`: Bun read a chunk, and `to` did not take all of it.
 * - `large chunk held`: like `chunk held`, but the chunk is large, so more chunks are likely to
 *   follow, and the pipe reads them without Bun. If Bun does all reads, this event does not occur.
 * - `room again`: `to` took all held bytes.
 * - `read passed`: a read without Bun brought bytes, and `to` took all of them. (In the state
 *   `crowd`, this event occurs only if the read brought as many bytes as it can.)
 * - `read held`: a read without Bun brought bytes, and `to` did not take all of them.
 * - `nothing`: a read without Bun found no bytes, and Bun may read next. (In the state `turn`, the
 *   pipe first reads once more without Bun.)
 * - `nothing, little room`: a read without Bun found no bytes, and Bun must not read next, because
 *   `to` has little room, or all pipes together hold too many bytes. In the state `turn` the pipe
 *   reads once more in any case, so `Reading` reports `nothing` there, whatever room `to` has.
 * - `crowded`: many connections with small chunks are busy.
 * - `crowd over`: the reason for the state `crowd` has gone, or `from` ends without a read.
 * - `memory full`: all pipes together hold too many bytes.
 * - `end`: a read without Bun found the end of the stream or a failure.
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
  | "crowded"
  | "crowd over"
  | "memory full"
  | "end"
  | "broken";

type Transitions = Readonly<
  Record<ReadingState, Readonly<Partial<Record<ReadingEvent, ReadingState>>>>
>;

// The transitions, as in the docstring of `stateAfter`; a test compares the two tables. A
// transition that is missing here cannot happen.
const TABLE: Transitions = {
  events: {
    "chunk held": "paused",
    "large chunk held": "room",
    "room again": "events",
    "read passed": "turn",
    "read held": "room",
    nothing: "events",
    "nothing, little room": "look",
    crowded: "crowd",
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
  crowd: {
    "chunk held": "room",
    "large chunk held": "room",
    "room again": "crowd",
    "read passed": "turn",
    "read held": "room",
    "crowd over": "events",
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

/**
 * Returns the state that follows an event.
 *
 * Each row of this table is a state, each column an event, and each cell the next state. An empty
 * cell means that the event cannot happen in the state.
 *
 * | state       | chunk held | large chunk held | room again  | read passed | read held | nothing     | nothing, little room | crowded | crowd over | memory full | end      | broken |
 * | ----------- | ---------- | ---------------- | ----------- | ----------- | --------- | ----------- | -------------------- | ------- | ---------- | ----------- | -------- | ------ |
 * | `events`    | `paused`   | `room`           | `events`    | `turn`      | `room`    | `events`    | `look`               | `crowd` |            | `look`      | `events` | `over` |
 * | `paused`    | `paused`   | `paused`         | `events`    |             |           |             |                      |         |            | `paused`    |          | `over` |
 * | `room`      | `room`     | `room`           | `turn` now  |             |           |             |                      |         |            | `room`      |          | `over` |
 * | `turn`      | `room`     | `room`           | `turn`      | `turn`      | `room`    | `last turn` | `last turn`          |         |            | `turn`      | `events` | `over` |
 * | `last turn` | `room`     | `room`           | `last turn` | `turn`      | `room`    | `events`    | `look`               |         |            | `last turn` | `events` | `over` |
 * | `look`      | `room`     | `room`           | `look` now  | `turn`      | `room`    | `events`    | `look`               |         |            | `look`      | `events` | `over` |
 * | `crowd`     | `room`     | `room`           | `crowd`     | `turn`      | `room`    |             |                      |         | `events`   | `look`      | `events` | `over` |
 * | `over`      | `over`     | `over`           | `over`      |             |           |             |                      |         |            | `over`      |          | `over` |
 *
 * A transition to `turn` or `last turn` plans a read without Bun, by the relay's own system call,
 * for the next turn of the event loop. At a transition marked "now", the pipe does such a read at
 * once.
 *
 * The row `events` also has cells for the results of reads without Bun. The reason: if the receiver
 * takes a large chunk completely, the pipe at once reads without Bun, and the state stays `events`
 * during this read. Only the result of the read changes the state.
 *
 * Bun's reading is paused in all states but `events` and `over`. The events of chunks can occur
 * even while it is paused, because Bun delivers chunks of a TCP side that has failed.
 *
 * @throws if the event cannot happen in the state
 */
export function stateAfter(state: ReadingState, event: ReadingEvent): ReadingState {
  const after = TABLE[state][event];
  if (after === undefined) throw new Error(`a pipe in ${state} met ${event}`);
  return after;
}

/** Returns whether Bun's reading is paused in a state. */
export function pauses(state: ReadingState): boolean {
  return state !== "events" && state !== "over";
}

/** Returns whether a state means that nobody reads `from` until `to` has taken the held bytes. */
export function waits(state: ReadingState): boolean {
  return state === "paused" || state === "room";
}

/** Returns whether a state plans a read without Bun for the next turn of the event loop. */
export function isTurn(state: ReadingState): boolean {
  return state === "turn" || state === "last turn";
}
