/** Answers of a worker that somebody waits for. */
export class AwaitedAnswers<Kind> {
  #waiting: { readonly kind: Kind; readonly resolve: (value: number) => void }[] = [];

  /** Settles with the next answer of a kind. */
  next(kind: Kind): Promise<number> {
    return new Promise((resolve) => this.#waiting.push({ kind, resolve }));
  }

  /** An answer came; the value is 0 where there is nothing to say. */
  came(kind: Kind, value: number): void {
    this.#settle((waiting) => waiting === kind, value);
  }

  /** None will come any more: who waits gets 0. */
  end(): void {
    this.#settle(() => true, 0);
  }

  #settle(isMeant: (kind: Kind) => boolean, value: number): void {
    const settled = this.#waiting.filter(({ kind }) => isMeant(kind));
    this.#waiting = this.#waiting.filter(({ kind }) => !isMeant(kind));
    for (const { resolve } of settled) resolve(value);
  }
}
