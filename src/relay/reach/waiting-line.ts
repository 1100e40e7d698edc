import type { AddressFailure } from "./describe-failure.ts";

// The first pause before the attempt at the front of the line tries again, in milliseconds. Each
// further pause is twice as long as the pause before, up to the limits below.
const PAUSE_FIRST = 1;
// The longest pause between two tries while a resource is short, in milliseconds. So the line may
// notice the end of the shortage up to 50 ms late.
const PAUSE_SHORTAGE = 50;
// The longest pause between two tries while the destination refuses, in milliseconds. So the line
// may notice up to one second late that the destination accepts connections again.
const PAUSE_REFUSED = 1_000;

/** A try that failed. After it, the attempts wait in line until one of them tries again. */
export interface FailedTry {
  readonly failures: readonly AddressFailure[];
  /**
   * - `shortage`: the destination exists, but a resource is temporarily short: room in its queue, a
   *   descriptor, or a local port.
   * - `refused`: the destination refuses or is absent.
   */
  readonly kind: "shortage" | "refused";
}

/** An attempt that waits in line. */
export interface Waiter {
  /**
   * Called when the waiter is in front: makes one try, and then calls `waitOn`, `succeeded` or
   * `leave` of the line, now or later.
   */
  tryAgain(): void;
}

/**
 * The attempts (waiters) that wait for one destination, in order of arrival. The kernel sends no
 * event when a Unix listener's queue has room, when a port or a descriptor is free, or when a
 * server listens again. So the line must poll: only the waiter at the front tries, and thousands of
 * waiters behind it cost nothing. When the front waiter succeeds, the next waiters try at once,
 * until a try fails.
 *
 * | state   | `#timer` | `#trying` | left by                                                   |
 * | ------- | -------- | --------- | --------------------------------------------------------- |
 * | empty   | -        | -         | `join` or `waitOn` of the first waiter: pausing           |
 * | pausing | set      | -         | the timer: trying; `leave` of the last waiter: empty      |
 * | trying  | -        | set       | `waitOn`, `succeeded` or `leave` of the front waiter:     |
 * |         |          |           | pausing, or trying with the next waiter, or empty         |
 *
 * Each relay has its own line in each of its threads. Between lines, and between processes, the
 * kernel decides which attempt is next.
 */
export class WaitingLine {
  readonly #waiters = new Set<Waiter>();
  #timer: Timer | undefined;
  #trying: Waiter | null = null;
  #pause = PAUSE_FIRST;
  #lastFailure: FailedTry | null = null;
  /** Whether the loop of `#letTry` is running. */
  #running = false;

  get isEmpty(): boolean {
    return this.#waiters.size === 0;
  }

  /** The failure of the last try; null if that try succeeded, or if the line is empty. */
  get lastFailure(): FailedTry | null {
    return this.#lastFailure;
  }

  has(waiter: Waiter): boolean {
    return this.#waiters.has(waiter);
  }

  /** Whether a waiter is in front and its try is running. */
  isTrying(waiter: Waiter): boolean {
    return this.#trying === waiter;
  }

  /** Adds to the end of the line a waiter that has not tried yet. */
  join(waiter: Waiter): void {
    this.#waiters.add(waiter);
    this.#tryAfter(PAUSE_FIRST);
  }

  /**
   * Makes a waiter wait after its failed try. The waiter in front stays in front. A waiter that is
   * not in the line yet joins the end of the line.
   */
  waitOn(waiter: Waiter, failure: FailedTry): void {
    // Ignore a waiter that is in the line but not in front: it has not tried, so its failure says
    // nothing about the destination.
    if (waiter !== this.#trying && this.#waiters.has(waiter)) return;
    this.#lastFailure = failure;
    this.#waiters.add(waiter);
    if (waiter === this.#trying) this.#trying = null;
    const most = failure.kind === "shortage" ? PAUSE_SHORTAGE : PAUSE_REFUSED;
    this.#pause = Math.min(this.#pause, most);
    if (this.#tryAfter(this.#pause)) this.#pause *= 2;
  }

  /**
   * Call this for every attempt that succeeds, even if the attempt is not in the line. Removes the
   * attempt from the line, and lets the next waiter try at once.
   */
  succeeded(waiter: Waiter): void {
    if (this.isEmpty) return;
    this.#lastFailure = null;
    this.#pause = PAUSE_FIRST;
    this.#remove(waiter);
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#tryAfter(0);
  }

  /** Removes a waiter from the line, for any reason; does nothing if it is not in the line. */
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
    this.#lastFailure = null;
    this.#pause = PAUSE_FIRST;
  }

  /**
   * Lets the front waiter try after a delay. Returns false if a timer or a try is already running.
   */
  #tryAfter(milliseconds: number): boolean {
    if (this.#timer !== undefined || this.#trying !== null) return false;
    this.#timer = setTimeout(this.#letTry, milliseconds);
    return true;
  }

  /** Lets the waiters try in order, until a try fails or does not end at once. */
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
