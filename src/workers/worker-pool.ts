import { type MemoryBound, memoryBound } from "../relay/held-memory.ts";
import { WORKER_MODULE } from "./worker-module.ts";
import { WorkerSlot } from "./worker-slot.ts";

/** The slots that a pool assigned to a relay. */
export interface PoolPlace {
  /** The relay's number, unique in the pool. */
  readonly relay: number;
  readonly slots: readonly WorkerSlot[];
}

interface PoolOptions {
  /** The most open connections of all relays together; null: no such limit. Default: null. */
  readonly sharedMax?: number | null;
  /** What the connections of all relays hold. Default: without a bound. */
  readonly memory?: MemoryBound;
  /** The module that a worker's thread runs. */
  readonly module?: URL;
}

/** The workers that carry all relays of one process. */
export class WorkerPool {
  readonly #slots: readonly WorkerSlot[];
  readonly #sharedMax: number | null;
  /** Has a word for each worker. */
  readonly memory: MemoryBound;
  /** How many connections each relay has, in the order of their numbers. */
  readonly #open: (() => number)[] = [];

  constructor(
    workers: number,
    { sharedMax = null, memory, module = WORKER_MODULE }: PoolOptions = {},
  ) {
    // A worker without a single place could never accept: have no more workers than places.
    const length = Math.min(workers, sharedMax ?? workers);
    this.#slots = Array.from({ length }, (_, index) => new WorkerSlot(index + 1, module));
    this.#sharedMax = sharedMax;
    this.memory = memory ?? memoryBound(length, Infinity);
  }

  get workers(): number {
    return this.#slots.length;
  }

  /**
   * Assigns at most `most` slots to a new relay. The first slot rotates from relay to relay.
   *
   * @param open - how many connections the relay has
   */
  place(most: number, open: () => number): PoolPlace {
    const relay = this.#open.push(open) - 1;
    const first = relay % this.workers;
    const turned = [...this.#slots.slice(first), ...this.#slots.slice(0, first)];
    return { relay, slots: turned.slice(0, most) };
  }

  /** A worker's part of the limit that all relays share; the parts add up to exactly the limit. */
  partOf({ number }: WorkerSlot): number | null {
    if (this.#sharedMax === null) return null;
    const { workers } = this;
    return Math.floor(this.#sharedMax / workers) + (number <= this.#sharedMax % workers ? 1 : 0);
  }

  /** The open connections of all relays if they reach the limit that the relays share; else null. */
  get reachedTogether(): number | null {
    if (this.#sharedMax === null) return null;
    const open = this.#open.reduce((sum, count) => sum + count(), 0);
    return open >= this.#sharedMax ? open : null;
  }
}
