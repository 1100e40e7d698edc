const PERIOD_MS = 250;
const BEATS_A_SECOND = 1_000 / PERIOD_MS;

/**
 * Measures the delay of the event loop with a timer that is due four times a second. The delay is
 * the time by which the timer fires late. Every other event in this thread can be late by the same
 * time. The timer does not keep the process alive.
 */
export class EventLoopDelay implements Disposable {
  readonly #late: (seconds: number) => void;
  readonly #second: () => void;
  #due = performance.now() + PERIOD_MS;
  #beats = 0;
  #timer: Timer;

  /**
   * @param late - called each time the timer fires, with the event loop's delay in seconds
   * @param second - called about once a second, after every fourth call of `late`
   */
  constructor(late: (seconds: number) => void, second: () => void) {
    this.#late = late;
    this.#second = second;
    this.#timer = this.#wait(PERIOD_MS);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  #wait(milliseconds: number): Timer {
    return setTimeout(this.#beat, milliseconds).unref();
  }

  readonly #beat = (): void => {
    const now = performance.now();
    this.#late(Math.max(0, now - this.#due) / 1_000);
    this.#beats += 1;
    if (this.#beats % BEATS_A_SECOND === 0) this.#second();
    this.#due = Math.max(this.#due, now - PERIOD_MS) + PERIOD_MS;
    this.#timer = this.#wait(Math.max(1, this.#due - now));
  };
}
