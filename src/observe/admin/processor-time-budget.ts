/**
 * Limits the processor time of work that strangers can cause: in the long run at most a share of
 * one processor, with a reserve for a burst.
 *
 * The reserve grows as time passes, and each piece of work reduces the reserve. A piece of work may
 * use more than the reserve, which is then negative. No new work may begin until the reserve is
 * above 0 again.
 */
export class ProcessorShare {
  readonly #share: number;
  readonly #reserveMost: number;
  readonly #now: () => number;
  /**
   * The reserve: the processor time, in milliseconds, that work may still use; negative after work
   * has used more than the reserve.
   */
  #reserve: number;
  /** The time of the last update of `#reserve`, by the clock `#now`. */
  #at: number;

  /**
   * @param share - the share of one processor, above 0 and at most 1
   * @param reserveMost - the longest burst, in milliseconds of work
   * @param now - a clock in milliseconds that only goes forward
   */
  constructor(share: number, reserveMost: number, now: () => number = () => performance.now()) {
    this.#share = share;
    this.#reserveMost = reserveMost;
    this.#reserve = reserveMost;
    this.#now = now;
    this.#at = now();
  }

  /** Subtracts `milliseconds` of finished work from the reserve. */
  spend(milliseconds: number): void {
    this.#fill();
    this.#reserve -= milliseconds;
  }

  /** The time until new work may begin, in milliseconds; 0 if it may begin at once. */
  get wait(): number {
    this.#fill();
    return this.#reserve > 0 ? 0 : Math.ceil(-this.#reserve / this.#share) + 1;
  }

  #fill(): void {
    const now = this.#now();
    this.#reserve = Math.min(this.#reserveMost, this.#reserve + (now - this.#at) * this.#share);
    this.#at = now;
  }
}
