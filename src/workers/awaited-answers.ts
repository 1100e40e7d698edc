/** Keeps the promises of callers that wait for an answer of a worker, until the answer arrives. */
export class AwaitedAnswers<Kind> {
  #waiting: { readonly kind: Kind; readonly resolve: (value: number) => void }[] = [];

  /**
   * Resolves with the number that the worker's next answer of this kind carries; with 0 if no such
   * answer arrives before `end` is called.
   */
  next(kind: Kind): Promise<number> {
    return new Promise((resolve) => this.#waiting.push({ kind, resolve }));
  }

  /**
   * Resolves all pending promises of this kind with `value`, which is 0 if the answer carries no
   * number.
   */
  arrived(kind: Kind, value: number): void {
    this.#settle((waiting) => waiting === kind, value);
  }

  /** Resolves all pending promises with 0, because no further answers will arrive. */
  end(): void {
    this.#settle(() => true, 0);
  }

  #settle(isMeant: (kind: Kind) => boolean, value: number): void {
    const settled = this.#waiting.filter(({ kind }) => isMeant(kind));
    this.#waiting = this.#waiting.filter(({ kind }) => !isMeant(kind));
    for (const { resolve } of settled) resolve(value);
  }
}
