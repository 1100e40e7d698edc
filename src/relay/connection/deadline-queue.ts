import { processStoodStill } from "../../os/detect-standstill.ts";

/** An item that can be in a `DeadlineQueue`. It is in one queue at most. */
export interface Expiring {
  /**
   * The item's deadline; null exactly while the item is in no queue. Only the queues change it.
   */
  deadline: Deadline | null;
}

/** The deadline of an item: one element of the linked list of a queue. */
export interface Deadline {
  readonly item: Expiring;
  readonly queue: object;
  /** The time at which the item expires, by `performance.now()`. */
  readonly due: number;
  earlier: Deadline | null;
  later: Deadline | null;
}

/**
 * A queue of items that expire. Each item expires `after` milliseconds after it was added, so the
 * items expire in the order in which they were added. The queue needs only one timer, for the first
 * item.
 *
 * The queue is a linked list, because most items leave long before they expire. A `Map` that many
 * items enter and leave allocates new memory again and again, so each item would take more
 * processor time than in the list.
 */
export class DeadlineQueue<Item extends Expiring> {
  #first: Deadline | null = null;
  #last: Deadline | null = null;
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
   * time starts again from 0. The item must not be in another queue.
   */
  add(item: Item): void {
    this.delete(item);
    const due = performance.now() + this.after;
    const deadline: Deadline = { item, queue: this, due, earlier: this.#last, later: null };
    item.deadline = deadline;
    if (this.#last === null) this.#first = deadline;
    else this.#last.later = deadline;
    this.#last = deadline;
    if (this.#timer === undefined) this.#setTimer();
  }

  /** Removes an item; does nothing if it is not in this queue. */
  delete(item: Item): void {
    const { deadline } = item;
    if (deadline === null || deadline.queue !== this) return;
    const { earlier, later } = deadline;
    if (earlier === null) this.#first = later;
    else earlier.later = later;
    if (later === null) this.#last = earlier;
    else later.earlier = earlier;
    // Clear the links of the deleted deadline. Until the garbage collector frees the deadline,
    // these links would keep the neighbouring deadlines and their connections in memory.
    deadline.earlier = null;
    deadline.later = null;
    item.deadline = null;
  }

  readonly #tick = (): void => {
    this.#timer = undefined;
    const now = performance.now();
    if (this.#late === "start anew" && processStoodStill(now - this.#timerDue, this.after))
      return this.#startAnew();
    try {
      while (this.#first !== null && this.#first.due <= now) {
        const item = this.#itemOf(this.#first);
        this.delete(item);
        this.#expire(item);
      }
    } finally {
      // Set the timer even after an error in `expire`, because the other items need the timer.
      this.#setTimer();
    }
  };

  #startAnew(): void {
    const items: Item[] = [];
    for (let each = this.#first; each !== null; each = each.later) items.push(this.#itemOf(each));
    for (const item of items) this.add(item);
  }

  /** The item of a deadline of this queue. */
  #itemOf({ item }: Deadline): Item {
    // `add` puts only items of this type into the list.
    return item as Item;
  }

  /** Sets the timer for the earliest deadline, if there is one. */
  #setTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#first === null) return;
    this.#timerDue = this.#first.due;
    this.#timer = setTimeout(this.#tick, Math.max(0, this.#timerDue - performance.now()));
    // Unreference the timer, because the timer alone must not keep the process alive; open sockets
    // do, also while Bun's reading from them is paused.
    this.#timer.unref();
  }
}
