// The shared memory consists of 32-bit words. The index of the word with the last connection id
// that was given out.
const LAST_ID = 0;
// The index of the word that a worker sets to 1 when it finds the relay at its limit of
// connections. The word is set to 0 when a connection or a worker has ended, or when a worker no
// longer awaits a PROXY header.
const FULL = 1;
// The index of the first worker's counters.
const FIRST = 2;
// The position, in a worker's counters, of the number of its open connections.
const OPEN = 0;
// The position of the number of connections that the worker has ever accepted.
const TAKEN = 1;
// The position of the maximum number of the worker's open connections.
const QUOTA = 2;
// The position of the number of proxies whose PROXY header the worker awaits.
const WAITING = 3;
// The number of counters of each worker.
const WORDS = 4;

/**
 * Counters of one relay that all threads of a pool share. For each worker: the number of its open
 * connections, the number of connections that it has ever accepted, the number of proxies whose
 * PROXY header it awaits, and its quota, which is the maximum number of its open connections and
 * awaited proxies together. Each number is atomic, but no lock keeps several numbers consistent.
 */
export class SharedCounters {
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #workers: number;

  constructor(readonly buffer: SharedArrayBuffer) {
    this.#words = new Int32Array(buffer);
    this.#workers = Math.floor((this.#words.length - FIRST) / WORDS);
  }

  /**
   * Makes the counters of a relay for a number of workers.
   *
   * @param lastId - the highest connection id that the predecessor may give to a connection of the
   * relay; 0 if no predecessor hands the relay over. The first new id is the id after `lastId`.
   */
  static forWorkers(workers: number, lastId = 0): SharedCounters {
    const counters = new SharedCounters(
      new SharedArrayBuffer((FIRST + workers * WORDS) * Int32Array.BYTES_PER_ELEMENT),
    );
    Atomics.store(counters.#words, LAST_ID, lastId | 0);
    return counters;
  }

  /**
   * Returns a connection id that is unique in the relay and never 0. After 2^32 - 1 the ids begin
   * again at 1.
   */
  nextId(): number {
    const id = (Atomics.add(this.#words, LAST_ID, 1) + 1) >>> 0;
    return id === 0 ? this.nextId() : id;
  }

  /** The last connection id that was given out. */
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
   * Notes that the relay is at its limit of connections. Returns true only for the first call after
   * the start, and for the first call after a connection, a worker or the wait for a PROXY header
   * has ended. So only one worker reports that the relay is full, even if several workers reach the
   * limit at the same moment.
   */
  filled(): boolean {
    return Atomics.exchange(this.#words, FULL, 1) === 0;
  }

  open(worker: number): number {
    return Atomics.load(this.#words, wordOf(worker, OPEN));
  }

  /** The number of connections that a worker has ever accepted (modulo 2^32). */
  taken(worker: number): number {
    return Atomics.load(this.#words, wordOf(worker, TAKEN));
  }

  /** Changes the number of proxies whose PROXY header a worker awaits. */
  waitingForHeader(worker: number, change: number): void {
    Atomics.add(this.#words, wordOf(worker, WAITING), change);
    if (change < 0) Atomics.store(this.#words, FULL, 0);
  }

  /**
   * The number of open connections of all workers, plus the number of proxies whose PROXY header
   * the workers await. Late sockets (`ConnectionsState.lateSockets`), which may also count towards
   * the limit of connections, are not counted here: they exist only without FFI, and workers exist
   * only with FFI.
   */
  total(): number {
    let total = 0;
    for (let worker = 0; worker < this.#workers; worker += 1) total += this.#places(worker);
    return total;
  }

  /** The number of a worker's open connections and awaited proxies together. */
  #places(worker: number): number {
    return this.open(worker) + Atomics.load(this.#words, wordOf(worker, WAITING));
  }

  /**
   * Notes that a worker has started.
   *
   * @param quota - the maximum number of open connections of this worker
   */
  join(worker: number, quota: number): void {
    Atomics.store(this.#words, wordOf(worker, QUOTA), quota);
  }

  /** Notes that a worker and its connections have ended. */
  leave(worker: number): void {
    Atomics.store(this.#words, wordOf(worker, QUOTA), 0);
    Atomics.store(this.#words, wordOf(worker, OPEN), 0);
    Atomics.store(this.#words, wordOf(worker, WAITING), 0);
    Atomics.store(this.#words, FULL, 0);
  }

  /**
   * Returns the index of the worker with the fewest open connections, among all workers but
   * `worker` that are below their quota; -1 if there is none.
   */
  leastLoadedBut(worker: number): number {
    let least = -1;
    let fewest = Infinity;
    for (let other = 0; other < this.#workers; other += 1) {
      const open = this.open(other);
      if (other === worker || open >= fewest) continue;
      if (this.#places(other) >= Atomics.load(this.#words, wordOf(other, QUOTA))) continue;
      least = other;
      fewest = open;
    }
    return least;
  }
}

function wordOf(worker: number, word: number): number {
  return FIRST + worker * WORDS + word;
}
