import { processStoodStill } from "../os/detect-standstill.ts";
import type { Observer } from "../relay/observer.ts";

/**
 * Ends an idle process: calls `leave`, a parameter of the constructor, when no observed relay has
 * had an open connection for `time` milliseconds. The idle time starts at `begin`, and starts again
 * when the last open connection ends.
 *
 * A worker thread may have accepted a client that it has not reported to this thread yet. So
 * `leave` must ask all threads for their number of open connections, and must do nothing if a
 * thread has a connection. If `leave` did nothing, it is called again `time` milliseconds after the
 * last connection has ended.
 */
export class IdleExit implements Disposable {
  readonly observer: Partial<Observer>;
  readonly #time: number;
  readonly #leave: () => void;
  #open = 0;
  /**
   * The timer of the idle time; undefined before its first start. The timer runs only while no
   * connection is open, and only from the call of `begin` until the first relay drains.
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
