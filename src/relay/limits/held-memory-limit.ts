import type { MemoryAccount } from "../stream/memory-account.ts";

/**
 * The data that all threads of a process share: the number of bytes that their connections hold,
 * and the bound of this number. A connection holds the bytes that the relay has read and that the
 * receiver has not taken yet.
 */
export interface MemoryBound {
  /** One word for each thread: the number of KiB that the thread's connections hold. */
  readonly words: Int32Array<SharedArrayBuffer>;
  /** The bound in bytes; Infinity for no bound. */
  readonly most: number;
}

/** A relay that accepts nobody while the bound is reached. */
export interface BoundedRelay {
  /**
   * Leaves new clients in the kernel's queue until `resumeFor` is called with the same `holder`.
   * The holder is the name of the part of the program that wants the pause.
   */
  pauseFor(holder: string): void;
  resumeFor(holder: string): void;
  /** Tells the relay that the bound is reached. Called after the relay was paused. */
  memoryFull(): void;
  /**
   * Tells the relay that all connections together hold few enough bytes again. Called after the
   * relay was resumed.
   */
  memoryFree(): void;
}

const KIB = 1024;

/** The name under which the relays are paused (`BoundedRelay.pauseFor`) at the bound. */
export const MEMORY_HOLDER = "memory";

// The fraction of the bound that must be free before relays that paused at the bound accept clients
// again. Without this margin, the relays would pause and resume at almost every byte.
const FREE = 1 / 8;

// The time between two checks whether the connections hold few enough bytes again, in milliseconds.
// A thread must check periodically, because it gets no event when the connections of another thread
// hold less.
const LOOK = 100;

/** Makes a bound of `most` bytes for a number of threads, which hold nothing yet. */
export function memoryBound(threads: number, most: number): MemoryBound {
  const buffer = new SharedArrayBuffer(threads * Int32Array.BYTES_PER_ELEMENT);
  return { words: new Int32Array(buffer), most };
}

/**
 * The number of bytes that the connections of all threads hold, rounded up to whole KiB for each
 * thread.
 */
export function heldTogether({ words }: MemoryBound): number {
  let sum = 0;
  for (let thread = 0; thread < words.length; thread += 1) sum += Atomics.load(words, thread);
  return sum * KIB;
}

/**
 * Counts the bytes that the connections of one thread hold. The bound applies to the sum of the
 * counts of all threads. While the bound is reached, the relays of this thread accept nobody, and
 * each connection reads less (`MemoryAccount`). A byte that is passed on at once is never held, so
 * it is not counted.
 *
 * Each thread writes only its own word, so no lock is needed, and a thread that dies leaves no lock
 * locked.
 */
export class HeldMemory implements MemoryAccount {
  readonly #bound: MemoryBound;
  readonly #thread: number;
  readonly #relays = new Set<BoundedRelay>();
  /** The number of bytes that the connections of this thread hold. */
  #own = 0;
  /**
   * The timer of the checks whether the connections hold few enough bytes again; non-null exactly
   * while the bound counts as reached.
   */
  #looks: Timer | null = null;

  /**
   * @param thread - the thread's number, from 0. The bytes that an earlier thread with the same
   *   number held are forgotten.
   */
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
    if (this.isReached) relay.pauseFor(MEMORY_HOLDER);
  }

  leave(relay: BoundedRelay): void {
    this.#relays.delete(relay);
  }

  /** Checks whether the bound is reached. If it is, all relays of the thread pause. */
  look(): void {
    if (this.#looks !== null || heldTogether(this.#bound) < this.#bound.most) return;
    this.#looks = setInterval(lookAgain, LOOK, this);
    // Unreference the timer, so that the process can end when no connection is open.
    this.#looks.unref();
    for (const relay of this.#relays) {
      relay.pauseFor(MEMORY_HOLDER);
      relay.memoryFull();
    }
  }

  /**
   * Checks whether the connections hold few enough bytes again after the bound was reached. If so,
   * all relays accept again.
   */
  lookAgain(): void {
    if (this.#looks === null) return;
    if (heldTogether(this.#bound) > this.#bound.most * (1 - FREE)) return;
    clearInterval(this.#looks);
    this.#looks = null;
    for (const relay of [...this.#relays]) {
      relay.resumeFor(MEMORY_HOLDER);
      relay.memoryFree();
    }
  }
}

function lookAgain(memory: HeldMemory): void {
  memory.lookAgain();
}
