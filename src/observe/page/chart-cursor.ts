/**
 * The moment that the reader of the page selected in the plots, in seconds before now. All plots
 * share one cursor.
 */
export class ChartCursor {
  readonly #most: number;
  readonly #moved: (() => void)[] = [];
  #seconds: number | null = null;

  /** @param most - the longest time before now that can be selected, in seconds */
  constructor(most: number) {
    this.#most = most;
  }

  /** The selected moment, in seconds before now; null exactly while no moment is selected. */
  get seconds(): number | null {
    return this.#seconds;
  }

  onMove(moved: () => void): void {
    this.#moved.push(moved);
  }

  select(seconds: number | null): void {
    this.#seconds = seconds === null ? null : Math.min(Math.max(seconds, 0), this.#most);
    for (const moved of this.#moved) moved();
  }
}
