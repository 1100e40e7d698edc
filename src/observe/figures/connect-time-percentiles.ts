// The number of buckets between a time and its double, for example between 1 ms and 2 ms. Each time
// counts as the nearest bucket's time, so the error of a percentile is at most about 9 %.
const BUCKETS_A_DOUBLING = 4;

// The number of doublings that the buckets cover: from 1 µs to 2^27 µs, which is about two minutes.
const DOUBLINGS = 27;

/**
 * The distribution of connect times: how long the connects to the destination took. `note` counts a
 * connect time in one of a fixed number of buckets, so it allocates no memory.
 */
export class ConnectTimes {
  readonly #counts = new Uint32Array(BUCKETS_A_DOUBLING * DOUBLINGS + 1);
  #total = 0;

  note(milliseconds: number): void {
    const microseconds = Math.max(1, milliseconds * 1_000);
    const bucket = Math.round(Math.log2(microseconds) * BUCKETS_A_DOUBLING);
    const index = Math.min(bucket, this.#counts.length - 1);
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#total += 1;
  }

  /** Adds the counts of another distribution. */
  add(other: ConnectTimes): void {
    if (other.#total === 0) return;
    for (const [index, count] of other.#counts.entries())
      this.#counts[index] = (this.#counts[index] ?? 0) + count;
    this.#total += other.#total;
  }

  clear(): void {
    if (this.#total === 0) return;
    this.#counts.fill(0);
    this.#total = 0;
  }

  /**
   * The time in seconds within which the given part of the connects succeeded; null if no connect
   * time was counted.
   *
   * @param part - above 0 and at most 1; 0.99 for the 99th percentile
   */
  percentile(part: number): number | null {
    if (this.#total === 0) return null;
    let left = Math.ceil(this.#total * part);
    for (const [index, count] of this.#counts.entries()) {
      left -= count;
      if (left <= 0) return 2 ** (index / BUCKETS_A_DOUBLING) / 1e6;
    }
    return null;
  }
}
