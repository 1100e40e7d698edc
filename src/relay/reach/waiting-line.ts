import type { AddressFailure } from "./failure.ts";

// The first pause before the one in front tries again, in milliseconds; each is twice the one before.
const PAUSE_FIRST = 1;
// The longest, which is how long what was lacking, or refused, may be there without being used.
const PAUSE_LACKING = 50;
const PAUSE_REFUSED = 1_000;

/** Why the one in front has to wait. */
export interface Hindrance {
  readonly failures: readonly AddressFailure[];
  /**
   * - `lacking`: the destination is there, and something that passes is lacking: room in its queue, a
   *   descriptor, a local port.
   * - `refused`: the destination refuses or is absent.
   */
  readonly kind: "lacking" | "refused";
}

/** Somebody who waits in line. */
export interface Waiter {
  /** It is in front: it tries once. That ends, now or later, in `stay`, `enter` or `leave`. */
  tryAgain(): void;
}

/**
 * Attempts that wait for one destination, in order of arrival. Nobody is told by the kernel when a Unix
 * listener's queue has room, when a port or a descriptor is free, or when somebody listens again, so
 * somebody has to ask: only the one in front does, and thousands behind it cost nothing. Once it got
 * in, the next ones try at once, until one has to wait again.
 *
 * | state   | `#timer` | `#trying` | left by                                                     |
 * | ------- | -------- | --------- | ----------------------------------------------------------- |
 * | empty   | -        | -         | `wait` or `stay` of a first one: pausing                    |
 * | pausing | set      | -         | the timer: trying; `leave` of the last one: empty           |
 * | trying  | -        | set       | `stay`, `enter` or `leave` of the one in front: pausing, or |
 * |         |          |           | trying with the next one, or empty                          |
 *
 * Each relay has a line of its own in each of its threads. Between lines, and between this process and
 * others, the kernel decides who is next.
 */
export class WaitingLine {
  readonly #waiters = new Set<Waiter>();
  #timer: Timer | undefined;
  #trying: Waiter | null = null;
  #pause = PAUSE_FIRST;
  #hindrance: Hindrance | null = null;
  /** Whether the loop of `#letTry` is being run. */
  #running = false;

  get isEmpty(): boolean {
    return this.#waiters.size === 0;
  }

  /** What the last one that tried has met; null where it got in, and of an empty line. */
  get hindrance(): Hindrance | null {
    return this.#hindrance;
  }

  has(waiter: Waiter): boolean {
    return this.#waiters.has(waiter);
  }

  /** Whether a waiter is in front, and its try goes on. */
  isTrying(waiter: Waiter): boolean {
    return this.#trying === waiter;
  }

  /** Goes to the end without having tried. */
  wait(waiter: Waiter): void {
    this.#waiters.add(waiter);
    this.#tryAfter(PAUSE_FIRST);
  }

  /** Has tried in vain: keeps its place in front, or becomes the first in an empty line. */
  stay(waiter: Waiter, hindrance: Hindrance): void {
    // One that is further behind has not tried.
    if (waiter !== this.#trying && this.#waiters.has(waiter)) return;
    this.#hindrance = hindrance;
    this.#waiters.add(waiter);
    if (waiter === this.#trying) this.#trying = null;
    const most = hindrance.kind === "lacking" ? PAUSE_LACKING : PAUSE_REFUSED;
    this.#pause = Math.min(this.#pause, most);
    if (this.#tryAfter(this.#pause)) this.#pause *= 2;
  }

  /** Got in, from the front or past the line: the next one tries at once. */
  enter(waiter: Waiter): void {
    if (this.isEmpty) return;
    this.#hindrance = null;
    this.#pause = PAUSE_FIRST;
    this.#remove(waiter);
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#tryAfter(0);
  }

  /** Waits no more, for whatever reason; nothing happens to one that is not in the line. */
  leave(waiter: Waiter): void {
    if (!this.isEmpty) this.#remove(waiter);
  }

  #remove(waiter: Waiter): void {
    this.#waiters.delete(waiter);
    if (waiter === this.#trying) this.#trying = null;
    if (!this.isEmpty) {
      if (!this.#running) this.#tryAfter(0);
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#hindrance = null;
    this.#pause = PAUSE_FIRST;
  }

  /** Lets the one in front try after so many milliseconds; false where that is settled already. */
  #tryAfter(milliseconds: number): boolean {
    if (this.#timer !== undefined || this.#trying !== null) return false;
    this.#timer = setTimeout(this.#letTry, milliseconds);
    return true;
  }

  /** Lets one after the other try, until one has to wait or does not know yet. */
  readonly #letTry = (): void => {
    this.#timer = undefined;
    this.#running = true;
    try {
      for (const waiter of this.#waiters) {
        this.#trying = waiter;
        waiter.tryAgain();
        if (this.#trying !== null || this.#timer !== undefined) return;
      }
    } finally {
      this.#running = false;
    }
  };
}
