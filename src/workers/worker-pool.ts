import { WorkerSlot } from "./worker-slot.ts";

// A compiled executable has its modules under this path, with the extension .js (Bun 1.4.5).
const INSIDE_EXECUTABLE = "/$bunfs/root/";

const THREAD = import.meta.path.startsWith(INSIDE_EXECUTABLE)
  ? new URL("./workers/worker-thread.js", `file://${INSIDE_EXECUTABLE}`)
  : new URL("./worker-thread.ts", import.meta.url);

/** The slots that a pool assigned to a relay. */
export interface PoolPlace {
  /** The relay's number, unique in the pool. */
  readonly relay: number;
  readonly slots: readonly WorkerSlot[];
}

/** The workers that carry all relays of one process. */
export class WorkerPool {
  readonly #slots: readonly WorkerSlot[];
  #relays = 0;

  /** @param module - the module that a worker's thread runs */
  constructor(workers: number, module = THREAD) {
    this.#slots = Array.from({ length: workers }, (_, index) => new WorkerSlot(index + 1, module));
  }

  get workers(): number {
    return this.#slots.length;
  }

  /** Assigns at most `most` slots to a new relay. The first slot rotates from relay to relay. */
  place(most: number): PoolPlace {
    const relay = this.#relays++;
    const first = relay % this.workers;
    const turned = [...this.#slots.slice(first), ...this.#slots.slice(0, first)];
    return { relay, slots: turned.slice(0, most) };
  }
}
