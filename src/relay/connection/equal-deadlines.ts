import { stoodStill } from "../late-timer.ts";

/**
 * Deadlines that all have the same length. One timer waits for the earliest, however many there are: each
 * deadline is later than the one before, so they come in the order of their insertion.
 */
export class EqualDeadlines<Item extends object> {
  /** When the time of each item is up, by `performance.now()`; in ascending order. */
  readonly #due = new Map<Item, number>();
  readonly #expire: (item: Item) => void;
  readonly #late: "start anew" | "expire";
  /** Set while there are items, except within `#tick`. */
  #timer: Timer | undefined;
  /** When `#timer` is due. */
  #timerDue = 0;

  constructor(
    /** Milliseconds from `add` to `expire`. */
    readonly after: number,
    expire: (item: Item) => void,
    /** What happens to deadlines that passed while the process stood still. */
    late: "start anew" | "expire" = "start anew",
  ) {
    this.#expire = expire;
    this.#late = late;
  }

  /** Starts the time of an item, or starts it anew if it runs already. */
  add(item: Item): void {
    this.#due.delete(item);
    this.#due.set(item, performance.now() + this.after);
    if (this.#timer === undefined) this.#setTimer();
  }

  delete(item: Item): void {
    this.#due.delete(item);
  }

  readonly #tick = (): void => {
    this.#timer = undefined;
    const now = performance.now();
    if (this.#late === "start anew" && stoodStill(now - this.#timerDue, this.after))
      return this.#startAnew();
    try {
      for (const [item, due] of this.#due) {
        if (due > now) return;
        this.#due.delete(item);
        this.#expire(item);
      }
    } finally {
      // Also after an error in `expire`: the other items need their timer.
      this.#setTimer();
    }
  };

  #startAnew(): void {
    for (const item of [...this.#due.keys()]) this.add(item);
  }

  /** Sets the timer for the earliest deadline, if there is one. */
  #setTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const due of this.#due.values()) {
      this.#timerDue = due;
      this.#timer = setTimeout(this.#tick, Math.max(0, due - performance.now()));
      return;
    }
  }
}
