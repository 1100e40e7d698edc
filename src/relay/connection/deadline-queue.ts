import { processStoodStill } from "../../os/detect-standstill.ts";

/**
 * A queue of items that expire. Each item expires `after` milliseconds after it was added, so the
 * items expire in the order in which they were added. The queue needs only one timer, for the first
 * item.
 */
export class DeadlineQueue<Item extends object> {
  /** The time at which each item expires, by `performance.now()`; in ascending order. */
  readonly #due = new Map<Item, number>();
  readonly #expire: (item: Item) => void;
  readonly #late: "start anew" | "expire";
  /**
   * The timer for the earliest deadline. Set while there are items, except during `#tick`. If all
   * items are deleted, the timer stays set until it fires.
   */
  #timer: Timer | undefined;
  /** The time at which `#timer` should fire, by `performance.now()`. */
  #timerDue = 0;

  constructor(
    /** The time from `add` to `expire`, in milliseconds. */
    readonly after: number,
    expire: (item: Item) => void,
    /**
     * What to do with the items if the process stood still (`processStoodStill`). `start anew`: the
     * time of each item starts again from 0. `expire`: each item whose time is over expires.
     */
    late: "start anew" | "expire" = "start anew",
  ) {
    this.#expire = expire;
    this.#late = late;
  }

  /**
   * Adds an item, which expires after the time `after`. If the item is already in the queue, its
   * time starts again from 0.
   */
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
    if (this.#late === "start anew" && processStoodStill(now - this.#timerDue, this.after))
      return this.#startAnew();
    try {
      for (const [item, due] of this.#due) {
        if (due > now) return;
        this.#due.delete(item);
        this.#expire(item);
      }
    } finally {
      // Set the timer even after an error in `expire`, because the other items need the timer.
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
