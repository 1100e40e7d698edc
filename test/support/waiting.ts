import { POLLNVAL, system } from "./process/system-calls.ts";

/** Milliseconds that a test waits for one thing, where it does not say otherwise. */
export const PATIENCE = 20_000;

// Turns of the event loop before a wait goes over to timers.
const EAGER_TURNS = 200;

// The pauses between looks grow with the wait, in milliseconds: a wait that has taken long may take
// a little longer, and many long waits side by side leave the processor to the relay.
const PAUSE_LEAST = 1;
const PAUSE_MOST = 20;
const PAUSE_SHARE = 1 / 50;

// If one look takes more milliseconds, because it reads the kernel's tables, say, a pause follows.
const CHEAP_LOOK = 0.1;

/** What was waited for did not come in time. */
export class Impatience extends Error {
  constructor(what: string, patience: number) {
    super(`waited ${patience} ms for ${what}`);
    this.name = "Impatience";
  }
}

interface Wait {
  readonly fd: number;
  readonly events: number;
  readonly what: string;
  readonly patience: number;
  readonly until: number;
  readonly resolve: (events: number) => void;
  readonly reject: (reason: Error) => void;
}

/**
 * Waits for events of descriptors by poll(2) without a timeout, between turns of the event loop:
 * the relay under test may share the loop, and Bun's own waiting is not to be in the measurement.
 */
class Poller {
  readonly #waits = new Set<Wait>();
  #turns = 0;
  // When the last wait began or ended.
  #moved = 0;
  #running = false;

  wait(fd: number, events: number, what: string, patience: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#moved = performance.now();
      const until = this.#moved + patience;
      this.#waits.add({ fd, events, what, patience, until, resolve, reject });
      this.#turns = 0;
      if (this.#running) return;
      this.#running = true;
      setImmediate(this.#turn);
    });
  }

  /** The descriptor is closed: its number may soon be another's. */
  forget(fd: number): void {
    for (const wait of this.#waits) {
      if (wait.fd !== fd) continue;
      this.#waits.delete(wait);
      wait.resolve(POLLNVAL);
    }
  }

  readonly #turn = (): void => {
    const waits = [...this.#waits];
    const came = waits.length === 0 ? [] : system.poll(waits, 0);
    const now = performance.now();
    waits.forEach((wait, index) => {
      const events = came[index] ?? 0;
      if (events === 0 && now < wait.until) return;
      this.#waits.delete(wait);
      if (events === 0) return wait.reject(new Impatience(wait.what, wait.patience));
      this.#turns = 0;
      this.#moved = now;
      wait.resolve(events);
    });
    if (this.#waits.size === 0) this.#running = false;
    else nextLook((this.#turns += 1), now - this.#moved, this.#turn);
  };
}

const poller = new Poller();

/**
 * The events that come first to a descriptor, errors and hang-ups included.
 *
 * @throws {Impatience} naming `what` after `patience` milliseconds.
 */
export function eventsOf(
  fd: number,
  events: number,
  what: string,
  patience = PATIENCE,
): Promise<number> {
  return poller.wait(fd, events, what, patience);
}

/** To be called by whoever closes a descriptor; who waits for it gets POLLNVAL. */
export function forget(fd: number): void {
  poller.forget(fd);
}

/**
 * Waits until a condition holds that has no event of its own.
 *
 * @throws {Impatience} naming `what` after `patience` milliseconds.
 */
export async function until(
  condition: () => boolean,
  what: string | (() => string),
  patience = PATIENCE,
): Promise<void> {
  const started = performance.now();
  let looked = started;
  for (let turns = 0; !condition(); turns += 1) {
    const now = performance.now();
    if (now >= started + patience)
      throw new Impatience(typeof what === "string" ? what : what(), patience);
    if (now - looked > CHEAP_LOOK) turns += EAGER_TURNS;
    await new Promise<void>((resolve) => nextLook(turns, now - started, resolve));
    looked = performance.now();
  }
}

/** Lets the event loop turn once: whatever is ready has been handled afterwards. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function nextLook(turns: number, waited: number, look: () => void): void {
  if (turns < EAGER_TURNS) setImmediate(look);
  else setTimeout(look, Math.min(PAUSE_MOST, Math.max(PAUSE_LEAST, waited * PAUSE_SHARE)));
}
