// The first number is the last id given out; then each worker has its own.
const LAST_ID = 0;
const FIRST = 1;
const OPEN = 0;
const TAKEN = 1;
const QUOTA = 2;
const WORDS = 3;

/**
 * What all threads of a pool know at once: how many connections each worker has open, how many it
 * has ever taken, and how many it may have. They are written without a lock, a number at a time.
 */
export class SharedCounters {
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #workers: number;

  constructor(readonly buffer: SharedArrayBuffer) {
    this.#words = new Int32Array(buffer);
    this.#workers = Math.floor((this.#words.length - FIRST) / WORDS);
  }

  static forWorkers(workers: number): SharedCounters {
    return new SharedCounters(
      new SharedArrayBuffer((FIRST + workers * WORDS) * Int32Array.BYTES_PER_ELEMENT),
    );
  }

  /** An id that no other connection of the pool has. */
  nextId(): number {
    return Atomics.add(this.#words, LAST_ID, 1) + 1;
  }

  /** Notes a connection that a worker has taken. */
  opened(worker: number): void {
    Atomics.add(this.#words, wordOf(worker, OPEN), 1);
    Atomics.add(this.#words, wordOf(worker, TAKEN), 1);
  }

  closed(worker: number): void {
    Atomics.sub(this.#words, wordOf(worker, OPEN), 1);
  }

  open(worker: number): number {
    return Atomics.load(this.#words, wordOf(worker, OPEN));
  }

  /** Changes whenever a worker takes a connection. */
  taken(worker: number): number {
    return Atomics.load(this.#words, wordOf(worker, TAKEN));
  }

  /** The connections of all workers. */
  total(): number {
    let total = 0;
    for (let worker = 0; worker < this.#workers; worker += 1) total += this.open(worker);
    return total;
  }

  /** A worker is there that may have `quota` connections open. */
  join(worker: number, quota: number): void {
    Atomics.store(this.#words, wordOf(worker, QUOTA), quota);
  }

  /** A worker is gone, and its connections with it. */
  leave(worker: number): void {
    Atomics.store(this.#words, wordOf(worker, QUOTA), 0);
    Atomics.store(this.#words, wordOf(worker, OPEN), 0);
  }

  /** The worker with the fewest connections among those with a free place, but for one; -1: none. */
  leastLoadedBut(worker: number): number {
    let least = -1;
    let fewest = Infinity;
    for (let other = 0; other < this.#workers; other += 1) {
      const open = this.open(other);
      if (other === worker || open >= fewest) continue;
      if (open >= Atomics.load(this.#words, wordOf(other, QUOTA))) continue;
      least = other;
      fewest = open;
    }
    return least;
  }
}

function wordOf(worker: number, word: number): number {
  return FIRST + worker * WORDS + word;
}
