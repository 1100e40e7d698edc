import type { RelayStatistics } from "./relay-statistics.ts";

/** The figures of one second. Rates are per second. */
export interface Sample {
  /** The end of the second, in seconds since the start. */
  readonly at: number;
  readonly up: number;
  readonly down: number;
  readonly open: number;
  readonly accepted: number;
  readonly failed: number;
}

/** How many seconds are kept. */
export const HISTORY_SECONDS = 300;

interface Totals {
  readonly at: number;
  readonly up: number;
  readonly down: number;
  readonly accepted: number;
  readonly failed: number;
}

/** The last minutes of a relay, one sample per second. */
export class RateHistory {
  readonly #statistics: RelayStatistics;
  readonly #samples: Sample[] = [];
  #before: Totals;

  constructor(statistics: RelayStatistics) {
    this.#statistics = statistics;
    this.#before = totals(statistics);
  }

  /** The latest sample, if there is one. */
  get latest(): Sample | undefined {
    return this.#samples.at(-1);
  }

  /** Takes a sample: to be called about once a second. */
  sample(): void {
    const before = this.#before;
    const now = totals(this.#statistics);
    const seconds = now.at - before.at;
    if (seconds <= 0) return;
    this.#before = now;
    this.#statistics.open.look(seconds);
    this.#samples.push({
      at: now.at,
      up: (now.up - before.up) / seconds,
      down: (now.down - before.down) / seconds,
      open: this.#statistics.open.size,
      accepted: (now.accepted - before.accepted) / seconds,
      failed: (now.failed - before.failed) / seconds,
    });
    if (this.#samples.length > HISTORY_SECONDS) this.#samples.shift();
  }

  /** The samples of the last `count` seconds, oldest first. */
  last(count: number): readonly Sample[] {
    return count === 0 ? [] : this.#samples.slice(-count);
  }
}

function totals(statistics: RelayStatistics): Totals {
  const { up, down } = statistics.bytes;
  return {
    at: statistics.uptime,
    up,
    down,
    accepted: statistics.accepted,
    failed: sumOf(statistics.failed.values()),
  };
}

function sumOf(numbers: Iterable<number>): number {
  let sum = 0;
  for (const number of numbers) sum += number;
  return sum;
}
