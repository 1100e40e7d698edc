import type { ConnectTimes } from "./connect-time-percentiles.ts";

/** The figures of about one second. Rates are per second, and times are in seconds. */
export interface Sample {
  /**
   * The end of the second that the sample covers, in seconds since the start of the relay. In the
   * history of all relays: in seconds since the `Observation` was created.
   */
  readonly at: number;
  readonly up: number;
  readonly down: number;
  readonly open: number;
  readonly accepted: number;
  readonly failed: number;
  readonly refused: number;
  /**
   * The median time from accepting a client to reaching the destination; null if no connect
   * succeeded in this second.
   */
  readonly connectP50: number | null;
  /** The 99th percentile of the connect times in this second; null if no connect succeeded. */
  readonly connectP99: number | null;
  /** The longest delay of the event loop in this second. */
  readonly eventLoopDelay: number;
}

/** The number of samples that a history keeps: one for each second. */
export const HISTORY_SECONDS = 300;

/**
 * The counts of one relay since its start, or the sums of the counts of all relays. A rate is the
 * difference between two `Totals`, divided by the time between them.
 */
export interface Totals {
  /**
   * The time at which the counts were read, by a clock that only goes forward, in seconds since the
   * start of the relay. For all relays together: in seconds since the `Observation` was created.
   */
  readonly at: number;
  /** The number of bytes read from clients. */
  readonly up: number;
  /** The number of bytes read from the destination. */
  readonly down: number;
  /** The number of connections that are open now; the other counts only grow. */
  readonly open: number;
  readonly accepted: number;
  readonly failed: number;
  readonly refused: number;
}

/** The object that a history takes its samples from: one relay, or all relays of the process. */
export interface SampledFigures {
  totals(): Totals;
  /** The connect times since the last sample. */
  readonly connectTimes: ConnectTimes;
}

/** The last `HISTORY_SECONDS` samples, one for each second. */
export class RateHistory {
  readonly #figures: SampledFigures;
  readonly #samples: Sample[] = [];
  #before: Totals;

  constructor(figures: SampledFigures) {
    this.#figures = figures;
    this.#before = figures.totals();
  }

  /** The latest sample; undefined before the first one. */
  get latest(): Sample | undefined {
    return this.#samples.at(-1);
  }

  /**
   * Takes a sample. The caller should call this about once a second.
   *
   * @param eventLoopDelay - the longest delay of the event loop since the last sample, in seconds
   * @returns the time since the last sample, in seconds; 0 if no time has passed, in which case the
   * call takes no sample
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

  /** The last `count` samples, oldest first. */
  last(count: number): readonly Sample[] {
    return count === 0 ? [] : this.#samples.slice(-count);
  }
}
