import { stoodStill } from "../late-timer.ts";

/**
 * Deadlines that are all the same time away: one timer for the earliest, however many there are.
 * Each is later than the one before, so the order of insertion is the order in which they come.
 * If the process stood still, all of them start anew.
 */
export class EqualDeadlines<Item extends object> {
  /** When each item's time is up, by `performance.now()`; in ascending order. */
  readonly #due = new Map<Item, number>();
  readonly #expire: (item: Item) => void;
  /** Undefined exactly while no item is there or `#tick` runs. */
  #timer: Timer | undefined;
  /** When `#timer` is to come. */
  #timerDue = 0;

  constructor(
    /** Milliseconds from `add` to `expire`. */
    readonly after: number,
    expire: (item: Item) => void,
  ) {
    this.#expire = expire;
  }

  /** Starts the time of an item. If it runs already, it starts anew. */
  add(item: Item): void {
    const due = performance.now() + this.after;
    this.#due.delete(item);
    this.#due.set(item, due);
    if (this.#timer === undefined) this.#setTimer(due, this.after);
  }

  delete(item: Item): void {
    this.#due.delete(item);
  }

  #setTimer(due: number, delay: number): void {
    this.#timerDue = due;
    this.#timer = setTimeout(this.#tick, delay);
  }

  readonly #tick = (): void => {
    // First of all, so that an error in `expire` does not leave the others without a timer.
    this.#timer = undefined;
    const now = performance.now();
    if (stoodStill(now - this.#timerDue, this.after)) return this.#startAnew();
    for (const [item, due] of this.#due) {
      if (due > now) {
        clearTimeout(this.#timer);
        return this.#setTimer(due, due - now);
      }
      this.#due.delete(item);
      this.#expire(item);
    }
  };

  #startAnew(): void {
    for (const item of [...this.#due.keys()]) this.add(item);
  }
}
