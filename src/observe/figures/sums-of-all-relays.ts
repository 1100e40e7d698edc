import { ConnectTimes } from "./connect-time-percentiles.ts";
import { RateHistory, type SampledFigures, type Totals } from "./rate-history.ts";
import type { RelayStatistics } from "./relay-statistics.ts";

/** The sums of the figures of all relays of a process, with a history of the last minutes. */
export class SumsOfAllRelays implements SampledFigures {
  readonly connectTimes = new ConnectTimes();
  readonly history: RateHistory;
  readonly #relays: readonly { readonly statistics: RelayStatistics }[];
  readonly #startedAt = performance.now();

  /**
   * The caller may add relays to the array `relays` after this call; they are then part of the
   * sums.
   */
  constructor(relays: readonly { readonly statistics: RelayStatistics }[]) {
    this.#relays = relays;
    this.history = new RateHistory(this);
  }

  /**
   * Takes a sample. Call this before the connect times of the individual relays are cleared,
   * because the sample is made from these connect times.
   */
  sample(eventLoopDelay: number): void {
    this.connectTimes.clear();
    for (const { statistics } of this.#relays) this.connectTimes.add(statistics.connectTimes);
    this.history.sample(eventLoopDelay);
  }

  totals(): Totals {
    const sums = { up: 0, down: 0, open: 0, accepted: 0, failed: 0, refused: 0 };
    for (const { statistics } of this.#relays) {
      const { up, down, open, accepted, failed, refused } = statistics.totals();
      sums.up += up;
      sums.down += down;
      sums.open += open;
      sums.accepted += accepted;
      sums.failed += failed;
      sums.refused += refused;
    }
    return { at: (performance.now() - this.#startedAt) / 1_000, ...sums };
  }
}
