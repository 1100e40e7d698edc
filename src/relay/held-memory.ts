import type { MemoryAccount } from "./stream/memory-account.ts";

/** What all threads of a process share: the bytes that their connections hold, and the bound. */
export interface MemoryBound {
  /** A word for each thread: the KiB that its connections hold. */
  readonly words: Int32Array<SharedArrayBuffer>;
  /** In bytes; Infinity: no bound. */
  readonly most: number;
}

/** A relay that accepts nobody while the bound is reached. */
export interface BoundedRelay {
  /** Leaves new clients in the kernel's queue until `resumeFor` is called with the same holder. */
  pauseFor(holder: string): void;
  resumeFor(holder: string): void;
  /** The bound is reached, and the relay is paused. */
  memoryFull(): void;
}

const KIB = 1024;

/** The holder's name while the bound is reached. */
const HOLDER = "memory";

// Once the bound is reached, so much of it must be free before clients are accepted again: otherwise
// each byte would end the pause or begin it.
const FREE = 1 / 8;

// No event tells that another thread holds less. So a thread looks, in milliseconds.
const LOOK = 100;

/** A bound for so many threads, which hold nothing yet. */
export function memoryBound(threads: number, most: number): MemoryBound {
  const buffer = new SharedArrayBuffer(threads * Int32Array.BYTES_PER_ELEMENT);
  return { words: new Int32Array(buffer), most };
}

/** Bytes that the connections of all threads hold, up to a KiB a thread. */
export function heldTogether({ words }: MemoryBound): number {
  let sum = 0;
  for (let thread = 0; thread < words.length; thread += 1) sum += Atomics.load(words, thread);
  return sum * KIB;
}

/**
 * The bytes that the connections of one thread hold, as part of a bound for the process. At the bound,
 * the relays of the thread accept nobody, and each connection reads less (`MemoryAccount`). A byte that
 * goes through without being held costs nothing here.
 *
 * Each thread writes only its own word, so there is no lock, and a thread that dies leaves no lock locked.
 */
export class HeldMemory implements MemoryAccount {
  readonly #bound: MemoryBound;
  readonly #thread: number;
  readonly #relays = new Set<BoundedRelay>();
  /** Bytes that the connections of this thread hold. */
  #own = 0;
  /** Non-null exactly while the bound counts as reached. */
  #looks: Timer | null = null;

  /** @param thread - the thread's number, from 0; what it held before is forgotten */
  constructor(bound: MemoryBound, thread: number) {
    this.#bound = bound;
    this.#thread = thread;
    Atomics.store(bound.words, thread, 0);
  }

  get isReached(): boolean {
    return this.#looks !== null;
  }

  changed(bytes: number): void {
    this.#own += bytes;
    Atomics.store(this.#bound.words, this.#thread, Math.ceil(this.#own / KIB));
    if (bytes > 0) this.look();
  }

  join(relay: BoundedRelay): void {
    this.#relays.add(relay);
    if (this.isReached) relay.pauseFor(HOLDER);
  }

  leave(relay: BoundedRelay): void {
    this.#relays.delete(relay);
  }

  /** Looks whether the bound is reached; if it is, all relays of the thread pause. */
  look(): void {
    if (this.#looks !== null || heldTogether(this.#bound) < this.#bound.most) return;
    this.#looks = setInterval(lookAgain, LOOK, this);
    // Only a connection keeps the process alive.
    this.#looks.unref();
    for (const relay of this.#relays) {
      relay.pauseFor(HOLDER);
      relay.memoryFull();
    }
  }

  /** The bound was reached. If enough is free again, all relays go on. */
  lookAgain(): void {
    if (this.#looks === null) return;
    if (heldTogether(this.#bound) > this.#bound.most * (1 - FREE)) return;
    clearInterval(this.#looks);
    this.#looks = null;
    for (const relay of [...this.#relays]) relay.resumeFor(HOLDER);
  }
}

function lookAgain(memory: HeldMemory): void {
  memory.lookAgain();
}
