import { type MemoryBound, memoryBound } from "../relay/limits/held-memory-limit.ts";
import { WORKER_MODULE } from "./worker-module-url.ts";
import { WorkerSlot } from "./worker-slot.ts";

/** The slots that a pool assigned to a relay. */
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
   * The number of bytes that the connections of all relays hold, and the bound of this number.
   * Default: no bound.
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
   * The number of bytes that the connections of all relays hold, in one word for each worker, and
   * the bound of this number.
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
   * Assigns at most `most` slots to a new relay. Its first slot is the slot after the first slot of
   * the relay before it. So relays with few slots do not all use the same workers.
   *
   * @param open - returns the relay's number of open connections
   */
  place(most: number, open: () => number): PoolPlace {
    const relay = this.#open.push(open) - 1;
    const first = relay % this.workers;
    const turned = [...this.#slots.slice(first), ...this.#slots.slice(0, first)];
    return { relay, slots: turned.slice(0, most) };
  }

  /**
   * A worker's part of the limit that all relays share; null if there is no such limit. The sum of
   * all parts is exactly the limit.
   */
  partOf({ number }: WorkerSlot): number | null {
    if (this.#sharedMax === null) return null;
    const { workers } = this;
    return Math.floor(this.#sharedMax / workers) + (number <= this.#sharedMax % workers ? 1 : 0);
  }

  /**
   * The number of open connections of all relays if this number has reached the limit that the
   * relays share; else null.
   */
  get reachedTogether(): number | null {
    if (this.#sharedMax === null) return null;
    const open = this.#open.reduce((sum, count) => sum + count(), 0);
    return open >= this.#sharedMax ? open : null;
  }
}
