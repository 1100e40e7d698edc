import { WorkerSlot } from "./worker-slot.ts";

// An executable has its modules under this path, and their names in JavaScript (Bun 1.4.5).
const INSIDE_EXECUTABLE = "/$bunfs/root/";

const THREAD = import.meta.path.startsWith(INSIDE_EXECUTABLE)
  ? new URL("./workers/worker-thread.js", `file://${INSIDE_EXECUTABLE}`)
  : new URL("./worker-thread.ts", import.meta.url);

/** The place of a relay in a pool. */
export interface PoolPlace {
  /** The relay's number, which no other of the pool has. */
  readonly relay: number;
  readonly slots: readonly WorkerSlot[];
}

/** The workers that carry all relays of one process. */
export class WorkerPool {
  readonly #slots: readonly WorkerSlot[];
  #relays = 0;

  /** @param module - what a worker's thread runs */
  constructor(workers: number, module = THREAD) {
    this.#slots = Array.from({ length: workers }, (_, index) => new WorkerSlot(index + 1, module));
  }

  get workers(): number {
    return this.#slots.length;
  }

  /** The slots of a next relay that can use so many; relays that use few begin with different ones. */
  place(most: number): PoolPlace {
    const relay = this.#relays++;
    const first = relay % this.workers;
    const turned = [...this.#slots.slice(first), ...this.#slots.slice(0, first)];
    return { relay, slots: turned.slice(0, most) };
  }
}
