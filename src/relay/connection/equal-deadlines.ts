/**
 * Deadlines that are all the same time away: one timer for the earliest, however many there are.
 * As each is later than the one before, the order of insertion is the order in which they come.
 */
export class EqualDeadlines<Item extends object> {
  readonly #due = new Map<Item, number>();
  readonly #expire: (item: Item) => void;
  #timer: Timer | undefined;

  constructor(
    /** Milliseconds from `add` to `expire`. */
    readonly after: number,
    expire: (item: Item) => void,
  ) {
    this.#expire = expire;
  }

  /** Starts an item's time, anew if it runs already. */
  add(item: Item): void {
    this.#due.delete(item);
    this.#due.set(item, performance.now() + this.after);
    this.#timer ??= setTimeout(this.#tick, this.after);
  }

  delete(item: Item): void {
    this.#due.delete(item);
  }

  readonly #tick = (): void => {
    // First of all, so that an error in `expire` does not leave the others without a timer.
    this.#timer = undefined;
    const now = performance.now();
    for (const [item, due] of this.#due) {
      if (due > now) {
        clearTimeout(this.#timer);
        this.#timer = setTimeout(this.#tick, due - now);
        return;
      }
      this.#due.delete(item);
      this.#expire(item);
    }
  };
}
