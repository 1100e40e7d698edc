import type { ClientCounts } from "../relay/admission/client-counts.ts";

// The shared memory consists of 32-bit words. The index of the word with the hash function's seed.
const SEED = 0;
// The index of the first table in the shared memory. There is one table for each worker.
const FIRST = 1;

// A table consists of slots of three words. The first word of a slot: the upper half of the number
// that identifies a client (`Key`).
const HIGH = 0;
// The second word of a slot: the lower half of the number that identifies the client.
const LOW = 1;
// The third word of a slot: the number of the client's open connections, or the value `EMPTY` or
// `LEFT`.
const COUNT = 2;
// The number of words of a slot.
const WORDS = 3;

// The value of `COUNT` in an empty slot.
const EMPTY = 0;
// The value of `COUNT` in a slot whose client has no connection any more.
const LEFT = -1;

// A table has this number of slots for each connection that a worker may have. So at most one third
// of the slots are taken, and a search soon meets an empty slot.
const SLOTS_A_CONNECTION = 3;

type Table = Int32Array<SharedArrayBuffer>;

/** The 64-bit number that identifies a client (see `ClientCounts`), split into two 32-bit words. */
interface Key {
  readonly high: number;
  readonly low: number;
}

/**
 * The number of open connections of each client, shared by all workers of a pool. Each worker
 * writes only its own table and reads all tables. There is no lock, because a worker that dies
 * could leave a lock locked for ever. When a worker dies, the pool clears the worker's table.
 *
 * A table uses open addressing with linear probing (Knuth, The Art of Computer Programming 6.4). A
 * search ends at an empty slot. So a slot may become empty only if the slot after it is empty: then
 * no search needs the slot on its way to a further slot. The states of a slot, and the changes of a
 * state:
 *
 * | state | `COUNT`  | changes to                                                              |
 * | ----- | -------- | ----------------------------------------------------------------------- |
 * | empty | `EMPTY`  | taken: a new client's first connection                                  |
 * | taken | 1 and up | left: the client's last connection has ended                            |
 * | left  | `LEFT`   | taken: the same or a new client connects; empty: the slot after it is empty |
 *
 * A worker adds a new connection to its own table before it sums over all tables. If several
 * workers admit connections of one client at the same time, the worker whose addition is the latest
 * sees all these connections, so the workers together never exceed the limit. But if the limit
 * allows only one more connection, two workers that add at the same time may both refuse.
 */
export class SharedClientCounts implements ClientCounts {
  readonly #tables: readonly Table[];
  readonly #own: Table;
  readonly #slots: number;
  readonly #seed: number;

  /**
   * @param buffer - made by `bufferFor` for the same number of workers
   * @param worker - the worker whose table this object writes
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

  /**
   * Returns memory for the tables of `workers` workers with `connections` connections each. Linux
   * provides a page of this memory only when the page is first written, so unused pages cost
   * nothing.
   */
  static bufferFor(workers: number, connections: number): SharedArrayBuffer {
    const slots = SLOTS_A_CONNECTION * connections + 1;
    const words = new Int32Array(
      new SharedArrayBuffer((FIRST + workers * slots * WORDS) * Int32Array.BYTES_PER_ELEMENT),
    );
    // The seed is random, so that an attacker cannot choose addresses that collide in the table.
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

  /** Empties this worker's table. Called after the worker and its connections have ended. */
  clear(): void {
    this.#own.fill(EMPTY);
  }

  /**
   * Returns the index of a client's slot in this worker's table. If the client has no slot yet,
   * returns the index of a free slot: a slot of the state "empty" or "left".
   */
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
    // A free slot always exists: a worker has fewer connections than slots.
    return free;
  }

  #countIn(table: Table, key: Key): number {
    let slot = this.#start(key);
    for (let probes = 0; probes < this.#slots; probes += 1) {
      const count = Atomics.load(table, slot + COUNT);
      if (count === EMPTY) return 0;
      // Read the count before the key, because the worker that owns the table may give the slot to
      // another client at any time. A count that is read after the key may belong to another client
      // than the key.
      if (count > 0 && has(table, slot, key)) return count;
      slot = this.#next(slot);
    }
    return 0;
  }

  /**
   * Makes a slot of the state "left" empty if the next slot is empty, because then no search needs
   * to go on past this slot. Then does the same with the slots of the state "left" directly before
   * this slot.
   */
  #tidy(left: number): void {
    if (Atomics.load(this.#own, this.#next(left) + COUNT) !== EMPTY) return;
    for (let slot = left; Atomics.load(this.#own, slot + COUNT) === LEFT; slot = this.#before(slot))
      Atomics.store(this.#own, slot + COUNT, EMPTY);
  }

  #start({ high, low }: Key): number {
    // The finalizer of MurmurHash3: each input bit affects every output bit.
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
