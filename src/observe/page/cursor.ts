/** The moment that the reader has selected, in seconds before now. All plots share it. */
export class Cursor {
  readonly #most: number;
  readonly #moved: (() => void)[] = [];
  #seconds: number | null = null;

  /** @param most - the earliest moment, in seconds before now */
  constructor(most: number) {
    this.#most = most;
  }

  /** Null exactly while no moment is selected. */
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
