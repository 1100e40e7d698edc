import { processStoodStill } from "../os/detect-standstill.ts";
import { INT_MAX } from "../os/int-max.ts";

// The time, in milliseconds, that a worker may still run after the end of the drain timeout. A
// worker that runs longer counts as hung, and is killed.
const GRACE = 1_000;

/** Kills the workers of a relay if they hang while the relay stops. */
export class HangingWorkers implements Disposable {
  readonly #kill: () => void;
  /**
   * The time, by `performance.now()`, at which the workers are killed if the relay has not stopped;
   * `Infinity` before the relay is told to stop.
   */
  #killAt = Infinity;
  #timer: Timer | undefined;

  /** @param kill - kills the workers that have not ended */
  constructor(kill: () => void) {
    this.#kill = kill;
  }

  /**
   * Kills the workers `GRACE` milliseconds after the end of the drain timeout, unless this object
   * is disposed before. A later call can make the kill earlier, but never later.
   */
  killAfter(drainTimeout: number): void {
    const until = performance.now() + drainTimeout + GRACE;
    if (until >= this.#killAt) return;
    this.#killAt = until;
    this.#wait(drainTimeout + GRACE);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  #wait(wait: number): void {
    clearTimeout(this.#timer);
    const delay = Math.min(Math.max(0, this.#killAt - performance.now()), INT_MAX);
    const due = performance.now() + delay;
    this.#timer = setTimeout(() => {
      const now = performance.now();
      // If the timer is late because the whole process was suspended, wait for `wait` milliseconds
      // again, because the workers' own time limits also begin again after a suspension.
      if (processStoodStill(now - due, delay)) this.#killAt = now + wait;
      if (now < this.#killAt) this.#wait(wait);
      else this.#kill();
    }, delay);
  }
}
