import type { ConnectTimes } from "./connect-times.ts";

/** The figures of one second. Rates are per second, times in seconds. */
export interface Sample {
  /** The end of the second, in seconds since the start. */
  readonly at: number;
  readonly up: number;
  readonly down: number;
  readonly open: number;
  readonly accepted: number;
  readonly failed: number;
  readonly refused: number;
  /** From accepting a client to reaching the destination: the median; null without connects. */
  readonly connectP50: number | null;
  /** The 99th percentile; null without connects. */
  readonly connectP99: number | null;
  /** The longest delay of the event loop. */
  readonly eventLoopDelay: number;
}

/** How many seconds are kept. */
export const HISTORY_SECONDS = 300;

/** Counts since the start, from which rates are made. */
export interface Totals {
  /** Seconds since the start, by a clock that only goes forward. */
  readonly at: number;
  /** Bytes. */
  readonly up: number;
  readonly down: number;
  /** Connections that are open now. */
  readonly open: number;
  readonly accepted: number;
  readonly failed: number;
  readonly refused: number;
}

/** What a history is made from: one relay, or all relays of the process. */
export interface SampledFigures {
  totals(): Totals;
  /** The connects since the last sample. */
  readonly connectTimes: ConnectTimes;
}

/** The last minutes, one sample per second. */
export class RateHistory {
  readonly #figures: SampledFigures;
  readonly #samples: Sample[] = [];
  #before: Totals;

  constructor(figures: SampledFigures) {
    this.#figures = figures;
    this.#before = figures.totals();
  }

  /** The latest sample, if there is one. */
  get latest(): Sample | undefined {
    return this.#samples.at(-1);
  }

  /**
   * Takes a sample: to be called about once a second.
   *
   * @param eventLoopDelay - the longest since the last sample, in seconds
   * @returns the seconds since the last sample; 0 if the clock stood still and there is no sample
   */
  sample(eventLoopDelay: number): number {
    const before = this.#before;
    const now = this.#figures.totals();
    const seconds = now.at - before.at;
    if (seconds <= 0) return 0;
    this.#before = now;
    const { connectTimes } = this.#figures;
    this.#samples.push({
      at: now.at,
      up: (now.up - before.up) / seconds,
      down: (now.down - before.down) / seconds,
      open: now.open,
      accepted: (now.accepted - before.accepted) / seconds,
      failed: (now.failed - before.failed) / seconds,
      refused: (now.refused - before.refused) / seconds,
      connectP50: connectTimes.percentile(0.5),
      connectP99: connectTimes.percentile(0.99),
      eventLoopDelay,
    });
    if (this.#samples.length > HISTORY_SECONDS) this.#samples.shift();
    return seconds;
  }

  /** The samples of the last `count` seconds, oldest first. */
  last(count: number): readonly Sample[] {
    return count === 0 ? [] : this.#samples.slice(-count);
  }
}
