import { processStoodStill } from "../os/detect-standstill.ts";
import type { Observer } from "../relay/observer.ts";

/**
 * Calls `leave` after `time` milliseconds in which no observed relay had a connection. The time
 * starts at `begin`. If a worker thread has just accepted a client that this thread does not know
 * yet, `leave` must do nothing. `leave` is then called again `time` milliseconds after the end of
 * that client's connection.
 */
export class IdleExit implements Disposable {
  readonly observer: Partial<Observer>;
  readonly #time: number;
  readonly #leave: () => void;
  #open = 0;
  /**
   * The timer of the idle time. It runs exactly while no connection is open, but only after `begin`
   * and before the first relay drains.
   */
  #timer: Timer | undefined;
  #counting = false;

  constructor(time: number, leave: () => void) {
    this.#time = time;
    this.#leave = leave;
    this.observer = {
      opened: () => {
        this.#open += 1;
        clearTimeout(this.#timer);
      },
      closed: () => {
        this.#open -= 1;
        this.#wait();
      },
      draining: () => this[Symbol.dispose](),
    };
  }

  /** Starts the idle time. Called after all relays listen. */
  begin(): void {
    this.#counting = true;
    this.#wait();
  }

  [Symbol.dispose](): void {
    this.#counting = false;
    clearTimeout(this.#timer);
  }

  #wait(): void {
    if (!this.#counting || this.#open > 0) return;
    clearTimeout(this.#timer);
    const due = performance.now() + this.#time;
    this.#timer = setTimeout(() => {
      if (processStoodStill(performance.now() - due, this.#time)) this.#wait();
      else this.#leave();
    }, this.#time);
  }
}
