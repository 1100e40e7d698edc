import { stoodStill } from "../late-timer.ts";

/**
 * Deadlines that are all the same time away: one timer for the earliest, however many there are.
 * Each is later than the one before, so the order of insertion is the order in which they come.
 */
export class EqualDeadlines<Item extends object> {
  /** When each item's time is up, by `performance.now()`; in ascending order. */
  readonly #due = new Map<Item, number>();
  readonly #expire: (item: Item) => void;
  readonly #late: "start anew" | "expire";
  /** Undefined exactly while no item is there or `#tick` runs. */
  #timer: Timer | undefined;
  /** When `#timer` is to come. */
  #timerDue = 0;

  constructor(
    /** Milliseconds from `add` to `expire`. */
    readonly after: number,
    expire: (item: Item) => void,
    /** What deadlines do of which the process missed the time because it stood still. */
    late: "start anew" | "expire" = "start anew",
  ) {
    this.#expire = expire;
    this.#late = late;
  }

  /** Starts the time of an item. If it runs already, it starts anew. */
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
      // Also after an error: it is of one item, and the others need their timer.
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
