import type { ClientCounts } from "../relay/client-counts.ts";

// The first number mixes hashes; then each worker has a table.
const SEED = 0;
const FIRST = 1;

// A slot: the client in two words, and how many connections it has.
const HIGH = 0;
const LOW = 1;
const COUNT = 2;
const WORDS = 3;

// What `COUNT` is of a slot that nobody has taken, and of one that its client has left.
const EMPTY = 0;
const LEFT = -1;

// A table is a third full at most, so that a search soon comes to an empty slot.
const SLOTS_A_CONNECTION = 3;

type Table = Int32Array<SharedArrayBuffer>;

/** A client in two words of 32 bits. */
interface Key {
  readonly high: number;
  readonly low: number;
}

/**
 * The counts of clients that all workers of a pool share: each worker writes a table of its own and
 * reads those of the others. There is no lock, which a worker that dies could leave locked; the pool
 * clears the table of such a worker.
 *
 * A table is open addressing with linear probing (Knuth, The Art of Computer Programming 6.4). A slot is
 *
 * | state | `COUNT`  | becomes                                                                   |
 * | ----- | -------- | ------------------------------------------------------------------------- |
 * | empty | `EMPTY`  | taken, by a new client; a search ends here                                |
 * | taken | 1 and up | left, when its client has no connection any more                          |
 * | left  | `LEFT`   | taken, by its client or a new one; empty, once the slot behind it is empty |
 *
 * A worker adds its connection before it sums up. If several workers let in connections of one client
 * at the same time, the last of them sees all: together they never exceed the limit, although two may
 * refuse where one would have been enough.
 */
export class SharedClientCounts implements ClientCounts {
  readonly #tables: readonly Table[];
  readonly #own: Table;
  readonly #slots: number;
  readonly #seed: number;

  /**
   * @param buffer - made by `bufferFor`, for as many workers
   * @param worker - the one whose table is written here
   */
  constructor(buffer: SharedArrayBuffer, workers: number, worker: number) {
    const words = new Int32Array(buffer);
    this.#seed = words[SEED] ?? 0;
    this.#slots = (words.length - FIRST) / WORDS / workers;
    const size = this.#slots * WORDS;
    const tableOf = (index: number) =>
      words.subarray(FIRST + index * size, FIRST + (index + 1) * size);
    this.#tables = Array.from({ length: workers }, (_, index) => tableOf(index));
    this.#own = tableOf(worker);
  }

  /** Memory for workers that have so many connections each, at most. It is resident once it is used. */
  static bufferFor(workers: number, connections: number): SharedArrayBuffer {
    const slots = SLOTS_A_CONNECTION * connections + 1;
    const words = new Int32Array(
      new SharedArrayBuffer((FIRST + workers * slots * WORDS) * Int32Array.BYTES_PER_ELEMENT),
    );
    // Nobody can choose networks whose clients meet in one place of the table.
    words[SEED] = crypto.getRandomValues(new Int32Array(1))[0] ?? 0;
    return words.buffer;
  }

  enter(client: bigint): number {
    const key = keyOf(client);
    const slot = this.#slotFor(key);
    const before = Math.max(Atomics.load(this.#own, slot + COUNT), 0);
    if (before === 0) {
      Atomics.store(this.#own, slot + HIGH, key.high);
      Atomics.store(this.#own, slot + LOW, key.low);
    }
    Atomics.store(this.#own, slot + COUNT, before + 1);
    return this.#tables.reduce((sum, table) => sum + this.#countIn(table, key), 0);
  }

  leave(client: bigint): void {
    const slot = this.#slotFor(keyOf(client));
    const before = Atomics.load(this.#own, slot + COUNT);
    if (before > 1) {
      Atomics.store(this.#own, slot + COUNT, before - 1);
    } else if (before === 1) {
      Atomics.store(this.#own, slot + COUNT, LEFT);
      this.#tidy(slot);
    }
  }

  /** Forgets all: the worker has gone, and its connections with it. */
  clear(): void {
    this.#own.fill(EMPTY);
  }

  /** The own table's slot of a client; if it has none, one that may be taken for it. */
  #slotFor(key: Key): number {
    let free = -1;
    let slot = this.#start(key);
    for (let probes = 0; probes < this.#slots; probes += 1) {
      const count = Atomics.load(this.#own, slot + COUNT);
      if (count === EMPTY) return free < 0 ? slot : free;
      if (has(this.#own, slot, key)) return slot;
      if (count === LEFT && free < 0) free = slot;
      slot = this.#next(slot);
    }
    // A slot that is not taken is there: a worker has fewer connections than slots.
    return free;
  }

  #countIn(table: Table, key: Key): number {
    let slot = this.#start(key);
    for (let probes = 0; probes < this.#slots; probes += 1) {
      const count = Atomics.load(table, slot + COUNT);
      if (count === EMPTY) return 0;
      // The key is looked at last: the slot may be taken by another client meanwhile.
      if (count > 0 && has(table, slot, key)) return count;
      slot = this.#next(slot);
    }
    return 0;
  }

  /** Empties a slot that was left, and those before it, if no search has to go on behind it. */
  #tidy(left: number): void {
    if (Atomics.load(this.#own, this.#next(left) + COUNT) !== EMPTY) return;
    for (let slot = left; Atomics.load(this.#own, slot + COUNT) === LEFT; slot = this.#before(slot))
      Atomics.store(this.#own, slot + COUNT, EMPTY);
  }

  #start({ high, low }: Key): number {
    // The finalizer of MurmurHash3, which lets each bit change each other one.
    let hash = Math.imul(high ^ this.#seed, 0x85eb_ca6b) ^ low;
    hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
    return (((hash ^ (hash >>> 16)) >>> 0) % this.#slots) * WORDS;
  }

  #next(slot: number): number {
    const next = slot + WORDS;
    return next < this.#own.length ? next : 0;
  }

  #before(slot: number): number {
    return (slot > 0 ? slot : this.#own.length) - WORDS;
  }
}

function has(table: Table, slot: number, { high, low }: Key): boolean {
  return Atomics.load(table, slot + HIGH) === high && Atomics.load(table, slot + LOW) === low;
}

function keyOf(client: bigint): Key {
  return {
    high: Number(BigInt.asIntN(32, client >> 32n)),
    low: Number(BigInt.asIntN(32, client)),
  };
}
