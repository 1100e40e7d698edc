// Layout: the last connection id given out, then 1 if all places are known to be taken, then WORDS
// numbers for each worker.
const LAST_ID = 0;
const FULL = 1;
const FIRST = 2;
const OPEN = 0;
const TAKEN = 1;
const QUOTA = 2;
const WORDS = 3;

/**
 * Counters that all threads of a pool share. For each worker: its open connections, the connections
 * that it has ever accepted, and its quota. Each number is atomic; there is no lock over several.
 */
export class SharedCounters {
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #workers: number;

  constructor(readonly buffer: SharedArrayBuffer) {
    this.#words = new Int32Array(buffer);
    this.#workers = Math.floor((this.#words.length - FIRST) / WORDS);
  }

  /** @param lastId - the last connection id that was given before */
  static forWorkers(workers: number, lastId = 0): SharedCounters {
    const counters = new SharedCounters(
      new SharedArrayBuffer((FIRST + workers * WORDS) * Int32Array.BYTES_PER_ELEMENT),
    );
    Atomics.store(counters.#words, LAST_ID, lastId | 0);
    return counters;
  }

  /** A connection id, unique in the pool; after 2^32 - 1 the ids begin anew. Never 0. */
  nextId(): number {
    const id = (Atomics.add(this.#words, LAST_ID, 1) + 1) >>> 0;
    return id === 0 ? this.nextId() : id;
  }

  /** The last connection id that was given. */
  get lastId(): number {
    return Atomics.load(this.#words, LAST_ID) >>> 0;
  }

  /** Counts a connection that a worker has accepted. */
  opened(worker: number): void {
    Atomics.add(this.#words, wordOf(worker, OPEN), 1);
    Atomics.add(this.#words, wordOf(worker, TAKEN), 1);
  }

  closed(worker: number): void {
    Atomics.sub(this.#words, wordOf(worker, OPEN), 1);
    Atomics.store(this.#words, FULL, 0);
  }

  /**
   * Notes that all places are taken. True for the first worker that notes it since a place was free:
   * of workers that take the last places at the same moment, each sees that none is left.
   */
  filled(): boolean {
    return Atomics.exchange(this.#words, FULL, 1) === 0;
  }

  open(worker: number): number {
    return Atomics.load(this.#words, wordOf(worker, OPEN));
  }

  /** How many connections a worker has ever accepted (modulo 2^32). */
  taken(worker: number): number {
    return Atomics.load(this.#words, wordOf(worker, TAKEN));
  }

  /** The open connections of all workers. */
  total(): number {
    let total = 0;
    for (let worker = 0; worker < this.#workers; worker += 1) total += this.open(worker);
    return total;
  }

  /** A worker has started; it may have `quota` connections open. */
  join(worker: number, quota: number): void {
    Atomics.store(this.#words, wordOf(worker, QUOTA), quota);
  }

  /** A worker has ended, and its connections with it. */
  leave(worker: number): void {
    Atomics.store(this.#words, wordOf(worker, QUOTA), 0);
    Atomics.store(this.#words, wordOf(worker, OPEN), 0);
    Atomics.store(this.#words, FULL, 0);
  }

  /** The least loaded worker other than `worker` that has a free place; -1 if there is none. */
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
