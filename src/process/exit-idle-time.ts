import { processStoodStill } from "../os/detect-standstill.ts";
import type { Observer } from "../relay/observer.ts";

/**
 * Calls `leave` when no observed relay has had a connection for `time` milliseconds. The time
 * starts at `begin`, and starts again when the last open connection ends.
 *
 * A worker thread may have just accepted a client whose connection is not reported to this thread
 * yet. So `leave` must itself ask all threads for their connections, and must do nothing if one of
 * them has a connection. `leave` is then called again `time` milliseconds after this connection has
 * ended.
 */
export class IdleExit implements Disposable {
  readonly observer: Partial<Observer>;
  readonly #time: number;
  readonly #leave: () => void;
  #open = 0;
  /**
   * The timer of the idle time; undefined before its first start. It runs only while no connection
   * is open, and only from the call of `begin` until the first relay drains.
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

  /** Starts the idle time. Call this method after all relays listen. */
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
