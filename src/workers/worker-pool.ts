import { type MemoryBound, memoryBound } from "../relay/limits/held-memory-limit.ts";
import { evenPart } from "./divide-limit.ts";
import { WORKER_MODULE } from "./worker-module-url.ts";
import { WorkerSlot } from "./worker-slot.ts";

/** The number that a pool gave to a relay, and the slots of the workers that carry the relay. */
export interface PoolPlace {
  /** The relay's number, unique in the pool. */
  readonly relay: number;
  readonly slots: readonly WorkerSlot[];
}

interface PoolOptions {
  /**
   * The maximum number of open connections of all relays together; null (the default) for no such
   * limit.
   */
  readonly sharedMax?: number | null;
  /**
   * The number of bytes that the connections of all relays hold in memory, and the maximum of this
   * number. Default: no maximum.
   */
  readonly memory?: MemoryBound;
  /** The module that a worker's thread runs. */
  readonly module?: URL;
}

/** The workers that carry all relays of one process. */
export class WorkerPool {
  readonly #slots: readonly WorkerSlot[];
  readonly #sharedMax: number | null;
  /**
   * The number of bytes that the connections of each worker hold in memory, and the maximum of the
   * sum of these numbers.
   */
  readonly memory: MemoryBound;
  /**
   * For each relay, a function that returns the relay's number of open connections. The index is
   * the relay's number.
   */
  readonly #open: (() => number)[] = [];

  constructor(
    workers: number,
    { sharedMax = null, memory, module = WORKER_MODULE }: PoolOptions = {},
  ) {
    // Use at most `sharedMax` workers, because a worker with a limit of 0 connections could never
    // accept a client.
    const length = Math.min(workers, sharedMax ?? workers);
    this.#slots = Array.from({ length }, (_, index) => new WorkerSlot(index + 1, module));
    this.#sharedMax = sharedMax;
    this.memory = memory ?? memoryBound(length, Infinity);
  }

  get workers(): number {
    return this.#slots.length;
  }

  /**
   * The number of workers that run now. It is less than `workers` while there is a slot that no
   * relay uses, and from the death of a worker until its replacement has started.
   */
  get running(): number {
    return this.#slots.filter(({ isRunning }) => isRunning).length;
  }

  /**
   * Chooses at most `most` slots for a new relay. A relay that does not use all slots begins at
   * another slot than the relay before it, so relays with few slots do not all use the same
   * workers.
   *
   * @param open - returns the relay's number of open connections
   */
  place(most: number, open: () => number): PoolPlace {
    const relay = this.#open.push(open) - 1;
    // Keep the order of the slots for a relay that uses all workers. So the relay's own limit and
    // the shared limit (`partOf`) give their larger parts to the same workers. In another order,
    // the relay might be unable to use all connections that the shared limit allows.
    if (most >= this.workers) return { relay, slots: this.#slots };
    const first = relay % this.workers;
    const turned = [...this.#slots.slice(first), ...this.#slots.slice(0, first)];
    return { relay, slots: turned.slice(0, most) };
  }

  /**
   * Returns a worker's part of the limit of open connections that all relays share; null if there
   * is no such limit. The sum of all parts is exactly the limit.
   */
  partOf({ number }: WorkerSlot): number | null {
    if (this.#sharedMax === null) return null;
    return evenPart(this.#sharedMax, this.workers, number - 1);
  }

  /**
   * The number of open connections of all relays, if they have reached the limit that the relays
   * share; null if they have not reached it, or if there is no such limit.
   */
  get reachedTogether(): number | null {
    if (this.#sharedMax === null) return null;
    const open = this.#open.reduce((sum, count) => sum + count(), 0);
    return open >= this.#sharedMax ? open : null;
  }
}
