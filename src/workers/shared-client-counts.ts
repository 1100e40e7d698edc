import type { ClientCounts } from "../relay/admission/client-counts.ts";

// The shared memory consists of 32-bit words. The index of the word with the hash function's seed.
const SEED = 0;
// The index of the first worker's generation: the number of times that the worker has moved its
// clients to its other table. One word for each worker. After these words come the tables, two for
// each worker.
const GENERATIONS = 1;
const TABLES_A_WORKER = 2;

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
// of the slots are taken.
const SLOTS_A_CONNECTION = 3;
// A worker moves its clients to its other table if more than this part of the slots have the count
// `LEFT`. So, together with the taken slots, at most half of the slots are in use, and a search
// soon meets an empty slot.
const LEFT_MOST = 1 / 6;

type Table = Int32Array<SharedArrayBuffer>;

interface TablesOfWorker {
  readonly even: Table;
  readonly odd: Table;
}

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
 * search ends at an empty slot. So a slot never becomes empty again, because a search may need the
 * slot on its way to a further slot. The states of a slot, and the changes of a state:
 *
 * | state | `COUNT`  | changes to                                       |
 * | ----- | -------- | ------------------------------------------------ |
 * | empty | `EMPTY`  | taken: a new client's first connection           |
 * | taken | 1 and up | left: the client's last connection has ended     |
 * | left  | `LEFT`   | taken: the same client or a new client connects  |
 *
 * If too many slots are left, the worker copies the taken slots to its other table, and from then
 * on uses that table. A worker that reads meanwhile finds that the generation has changed, and
 * searches again.
 *
 * A worker adds a new connection to its own table before it sums over all tables. If several
 * workers admit connections of one client at the same time, the worker whose addition is the latest
 * sees all these connections, so the workers together never exceed the limit. But if the limit
 * allows only one more connection, two workers that add at the same time may both refuse.
 */
export class SharedClientCounts implements ClientCounts {
  readonly #generations: Table;
  /** The tables of each worker; the generation tells which of the two is in use. */
  readonly #tables: readonly TablesOfWorker[];
  readonly #worker: number;
  readonly #slots: number;
  readonly #seed: number;
  /** The number of slots of the state "left" in this worker's table. */
  #left = 0;

  /**
   * @param buffer - made by `bufferFor` for the same number of workers
   * @param worker - the worker whose tables this object writes
   */
  constructor(buffer: SharedArrayBuffer, workers: number, worker: number) {
    const words = new Int32Array(buffer);
    const first = GENERATIONS + workers;
    const size = (words.length - first) / workers / TABLES_A_WORKER;
    const tableOf = (index: number) =>
      words.subarray(first + index * size, first + (index + 1) * size);
    this.#seed = words[SEED] ?? 0;
    this.#generations = words.subarray(GENERATIONS, first);
    this.#slots = size / WORDS;
    this.#tables = Array.from({ length: workers }, (_, index) => ({
      even: tableOf(TABLES_A_WORKER * index),
      odd: tableOf(TABLES_A_WORKER * index + 1),
    }));
    this.#worker = worker;
  }

  /**
   * Returns memory for the tables of `workers` workers with `connections` connections each. Linux
   * provides a page of this memory only when the page is first written, so unused pages cost
   * nothing.
   */
  static bufferFor(workers: number, connections: number): SharedArrayBuffer {
    const slots = SLOTS_A_CONNECTION * connections + 1;
    const length = GENERATIONS + workers * (1 + TABLES_A_WORKER * slots * WORDS);
    const words = new Int32Array(new SharedArrayBuffer(length * Int32Array.BYTES_PER_ELEMENT));
    // The seed is random, so that an attacker cannot choose addresses that collide in the table.
    words[SEED] = crypto.getRandomValues(new Int32Array(1))[0] ?? 0;
    return words.buffer;
  }

  enter(client: bigint): number {
    const key = keyOf(client);
    this.#add(key);
    let sum = 0;
    for (let worker = 0; worker < this.#tables.length; worker += 1)
      sum += this.#countOf(worker, key);
    return sum;
  }

  leave(client: bigint): void {
    const own = this.#tableOf(this.#worker);
    const slot = this.#slotFor(own, keyOf(client));
    const before = Atomics.load(own, slot + COUNT);
    if (before > 1) {
      Atomics.store(own, slot + COUNT, before - 1);
    } else if (before === 1) {
      Atomics.store(own, slot + COUNT, LEFT);
      this.#left += 1;
      if (this.#left > LEFT_MOST * this.#slots) this.#moveToOtherTable();
    }
  }

  /** Empties this worker's tables. Called after the worker and its connections have ended. */
  clear(): void {
    this.#tables[this.#worker]?.even.fill(EMPTY);
    this.#tables[this.#worker]?.odd.fill(EMPTY);
    this.#left = 0;
  }

  /** Adds one connection of a client to this worker's table. */
  #add(key: Key): void {
    const own = this.#tableOf(this.#worker);
    const slot = this.#slotFor(own, key);
    const before = Atomics.load(own, slot + COUNT);
    if (before === LEFT) this.#left -= 1;
    if (before <= 0) {
      Atomics.store(own, slot + HIGH, key.high);
      Atomics.store(own, slot + LOW, key.low);
    }
    Atomics.store(own, slot + COUNT, Math.max(before, 0) + 1);
  }

  /**
   * Copies the taken slots of this worker's table to its other table, and uses that table from now
   * on.
   */
  #moveToOtherTable(): void {
    const generation = Atomics.load(this.#generations, this.#worker);
    const from = this.#tableOf(this.#worker, generation);
    const to = this.#tableOf(this.#worker, generation + 1);
    to.fill(EMPTY);
    for (let slot = 0; slot < from.length; slot += WORDS) {
      if ((from[slot + COUNT] ?? EMPTY) <= 0) continue;
      const [high = 0, low = 0] = from.subarray(slot, slot + COUNT);
      to.set(from.subarray(slot, slot + WORDS), this.#slotFor(to, { high, low }));
    }
    this.#left = 0;
    Atomics.store(this.#generations, this.#worker, generation + 1);
  }

  /** Returns the table that a worker uses in a generation; by default, in its present one. */
  #tableOf(worker: number, generation = Atomics.load(this.#generations, worker)): Table {
    const tables = this.#tables[worker];
    if (tables === undefined) throw new Error(`no worker ${worker}`);
    return generation % TABLES_A_WORKER === 0 ? tables.even : tables.odd;
  }

  /**
   * Returns the index of a client's slot in a table of this worker. If the client has no slot yet,
   * returns the index of a free slot: a slot of the state "empty" or "left".
   */
  #slotFor(own: Table, key: Key): number {
    let free = -1;
    let slot = this.#start(key);
    for (let probes = 0; probes < this.#slots; probes += 1) {
      const count = Atomics.load(own, slot + COUNT);
      if (count === EMPTY) return free < 0 ? slot : free;
      if (has(own, slot, key)) return slot;
      if (count === LEFT && free < 0) free = slot;
      slot = this.#next(slot);
    }
    // A free slot always exists: a worker has fewer connections than slots.
    return free;
  }

  /** Returns the number of a client's connections in the table of a worker. */
  #countOf(worker: number, key: Key): number {
    for (;;) {
      const generation = Atomics.load(this.#generations, worker);
      const count = this.#countIn(this.#tableOf(worker, generation), key);
      if (Atomics.load(this.#generations, worker) === generation) return count;
    }
  }

  #countIn(table: Table, key: Key): number {
    let slot = this.#start(key);
    for (let probes = 0; probes < this.#slots; probes += 1) {
      const count = Atomics.load(table, slot + COUNT);
      if (count === EMPTY) return 0;
      // Between the two reads, the worker that owns the table may give the slot to this client. The
      // result is then the count of the slot's client before. This count is at least 1, so it never
      // leads to one connection too many; but the client may be refused although the limit allows
      // one more connection.
      if (count > 0 && has(table, slot, key)) return count;
      slot = this.#next(slot);
    }
    return 0;
  }

  #start({ high, low }: Key): number {
    // The finalizer of MurmurHash3: each input bit affects every output bit.
    let hash = Math.imul(high ^ this.#seed, 0x85eb_ca6b) ^ low;
    hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
    return (((hash ^ (hash >>> 16)) >>> 0) % this.#slots) * WORDS;
  }

  #next(slot: number): number {
    return slot / WORDS + 1 < this.#slots ? slot + WORDS : 0;
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
