import { EqualDeadlines } from "./equal-deadlines.ts";
import type { Side } from "../stream/side.ts";

/** How a lingering side is to end: `reset` passes on a failure, `close` a clean end. */
export type Outcome = "reset" | "close";

/** A side that can linger. */
export interface LingeringSide extends Side {
  /** Bytes that the relay still has to write to it. */
  readonly pending: number;
}

/** The times of `LingeringClose`, in milliseconds. */
export interface LingeringTimes {
  /** How long a side that has everything may take to close. */
  readonly farewell: number;
  /** How long a side may take nothing before it is reset although bytes are left. */
  readonly standstill: number;
}

interface Stay {
  readonly side: LingeringSide;
  readonly outcome: Outcome;
  /** Bytes that the side had not taken at the last look; Infinity before the first look. */
  untaken: number;
  /** Counts the looks that saw no progress; a look that saw some takes a few off. */
  looks: number;
  /**
   * Milliseconds without progress: a sum of the pauses between looks. A clock would also count the time
   * in which the process stood still.
   */
  stood: number;
}

// The pauses between looks, in milliseconds: they double after every few looks without progress, so
// that a pause is about a quarter of the time without progress.
const FIRST_PAUSE = 50;
const LOOKS_A_PAUSE = 4;
const PAUSES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((power) => FIRST_PAUSE * 2 ** power);
// The index of the longest pause. A late close costs nothing but a descriptor; a late reset keeps the
// side waiting.
const LONGEST: Readonly<Record<Outcome, number>> = { close: PAUSES.length - 1, reset: 6 };

/**
 * The last phase of a side whose peer is gone. Nothing more will come for the side, but it must still
 * get the bytes that were written to it. A reset would make the kernel throw them away, and so would a
 * close while bytes from the side are unread (tcp(7); RFC 1122 4.2.2.13). So the socket stays open, and
 * what the side sends is read and dropped.
 *
 * - `close` waits without limit until the side has taken everything, then for its close, up to `farewell`.
 * - `reset` waits until the side has taken everything, or has taken nothing for `standstill`.
 *
 * A side has taken the bytes that its kernel has acknowledged. That number moves in steps: Linux opens
 * a closed window only when a sixteenth of the buffer is free (__tcp_select_window()). With a buffer of
 * 6 MiB and a reader of 5 kB/s a step takes over a minute. No event tells of a step, so the relay looks.
 */
export class LingeringClose {
  /** See `LingeringTimes`. */
  readonly farewell: number;
  readonly #stays = new Map<LingeringSide, Stay>();
  /** The sides to look at, by the pause before the look. */
  readonly #looks: readonly EqualDeadlines<Stay>[];
  readonly #farewells: EqualDeadlines<Stay>;
  readonly #standstill: number;

  constructor({ farewell, standstill }: LingeringTimes) {
    this.farewell = farewell;
    this.#standstill = standstill;
    const look = (stay: Stay) => this.#look(stay);
    this.#looks = PAUSES.map((pause) => new EqualDeadlines(pause, look, "expire"));
    this.#farewells = new EqualDeadlines(farewell, ({ side }) => side.close());
  }

  /** Lets a side linger. A side that lingers already keeps its time. */
  add(side: LingeringSide, outcome: Outcome): void {
    if (this.#stays.has(side)) return;
    if (outcome === "reset" && pendingBytes(side, side.unsent()) === 0) return side.terminate();
    // Most sides are gone before the first look, so the kernel is not asked yet.
    const stay = { side, outcome, untaken: Infinity, looks: 0, stood: 0 };
    this.#stays.set(side, stay);
    this.#looks[0]?.add(stay);
  }

  delete(side: LingeringSide): void {
    const stay = this.#stays.get(side);
    if (stay === undefined) return;
    this.#stays.delete(side);
    this.#looks[pauseOf(stay)]?.delete(stay);
    this.#farewells.delete(stay);
  }

  #look(stay: Stay): void {
    const { side, outcome } = stay;
    const unsent = side.unsent();
    if (pendingBytes(side, unsent) === 0) {
      if (outcome === "reset") side.terminate();
      else this.#farewells.add(stay);
      return;
    }
    const untaken = side.pending + unsent;
    if (untaken < stay.untaken) {
      stay.stood = 0;
      stay.looks = Math.max(0, stay.looks - LOOKS_A_PAUSE);
    } else {
      stay.stood += PAUSES[pauseOf(stay)] ?? 0;
      stay.looks += 1;
    }
    stay.untaken = untaken;
    if (outcome === "reset" && stay.stood >= this.#standstill) return side.terminate();
    this.#looks[pauseOf(stay)]?.add(stay);
  }
}

/** The pause before the next look, as an index. */
function pauseOf({ outcome, looks }: Stay): number {
  return Math.min(Math.floor(looks / LOOKS_A_PAUSE), LONGEST[outcome]);
}

/** Bytes that a close would lose now. */
function pendingBytes({ pending, isTcp }: LingeringSide, unsent: number): number {
  // Bytes that a Unix socket has taken are in its peer's queue, and survive the close (unix(7)).
  return isTcp ? pending + unsent : pending;
}
