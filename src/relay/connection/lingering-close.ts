import { EqualDeadlines } from "./equal-deadlines.ts";
import type { Side } from "../stream/side.ts";

/** What becomes of a lingering side: `reset` passes a failure on, `close` a clean end. */
export type Outcome = "reset" | "close";

/** A side that can tell how many bytes for it the relay still has to write. */
export interface LingeringSide extends Side {
  readonly pending: number;
}

/** The times of `LingeringClose`, in milliseconds. */
export interface LingeringTimes {
  /** How long a side that has everything may take to end by itself. */
  readonly farewell: number;
  /** How long a side may take nothing before its peer's failure is passed on all the same. */
  readonly standstill: number;
}

interface Stay {
  readonly side: LingeringSide;
  readonly outcome: Outcome;
  /** Bytes that the side had not taken at the last look; Infinity before the first. */
  untaken: number;
  /** Looks so far, fewer after one that saw the side take something. */
  looks: number;
  /**
   * Milliseconds since the side last took something: the pauses between looks, not a clock, so that
   * the time in which the process stood still does not count.
   */
  stood: number;
}

// Looks come so far apart at first, in milliseconds, then twice as far after every few of them: at
// any time about a quarter of the time that the side has stood still.
const FIRST_PAUSE = 50;
const LOOKS_A_PAUSE = 4;
const PAUSES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((power) => FIRST_PAUSE * 2 ** power);
// The longest pause is an index of `PAUSES`. A side that is to be closed costs only its descriptor; one
// that is to be reset waits for that.
const LONGEST: Readonly<Record<Outcome, number>> = { close: PAUSES.length - 1, reset: 6 };

/**
 * The last phase of a side whose peer is gone: nothing more will come for it, but what was written
 * must still reach it. A reset, or a close while bytes of the side are unread, would make the
 * kernel throw away what it has not delivered (tcp(7); RFC 1122 4.2.2.13). Until then the side
 * stays, and what it sends is read and dropped.
 *
 * - `close` waits without a limit until the side has taken everything, then `farewell` for its end.
 * - `reset` waits until the side has taken everything, or has taken nothing for `standstill`.
 *
 * What a side has taken is what its kernel has acknowledged. That moves in steps: a kernel tells of
 * room again only when a sixteenth of its buffer is free (Linux, __tcp_select_window()), which takes
 * a reader of 5 kB/s and a buffer of 6 MiB over a minute. The kernel tells nobody of either, so the
 * relay looks.
 */
export class LingeringClose {
  readonly #stays = new Map<LingeringSide, Stay>();
  /** One for each pause between looks. */
  readonly #looks: readonly EqualDeadlines<Stay>[];
  readonly #farewells: EqualDeadlines<Stay>;
  readonly #standstill: number;

  constructor({ farewell, standstill }: LingeringTimes) {
    this.#standstill = standstill;
    const look = (stay: Stay) => this.#look(stay);
    this.#looks = PAUSES.map((pause) => new EqualDeadlines(pause, look, "expire"));
    this.#farewells = new EqualDeadlines(farewell, ({ side }) => side.close());
  }

  /** Lets a side linger; one that lingers already keeps its time. */
  add(side: LingeringSide, outcome: Outcome): void {
    if (this.#stays.has(side)) return;
    if (outcome === "reset" && pendingBytes(side, side.unsent()) === 0) return side.terminate();
    // The kernel is not asked yet: most sides are gone before the first look.
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

/** The pause before the next look, as an index of `PAUSES`. */
function pauseOf({ outcome, looks }: Stay): number {
  return Math.min(Math.floor(looks / LOOKS_A_PAUSE), LONGEST[outcome]);
}

/** Bytes that would be lost if the side were closed now. */
function pendingBytes({ pending, isTcp }: LingeringSide, unsent: number): number {
  // What a Unix socket has taken is in its peer's hands and survives the close (unix(7)).
  return isTcp ? pending + unsent : pending;
}
