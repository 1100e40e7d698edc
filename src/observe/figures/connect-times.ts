// Four buckets for each doubling: a percentile is off by 9 % at most.
const BUCKETS_A_DOUBLING = 4;

// From 1 µs to 2^27 µs, about two minutes.
const DOUBLINGS = 27;

/**
 * The times of some connects, counted in buckets. To note a time allocates nothing, whatever the
 * number of connects.
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

  /** Adds what another has counted. */
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
   * The time in seconds within which a part of the connects was done; null without connects.
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
