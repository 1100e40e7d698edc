/** Pending answers of a worker. */
export class AwaitedAnswers<Kind> {
  #waiting: { readonly kind: Kind; readonly resolve: (value: number) => void }[] = [];

  /** Resolves with the next answer of a kind. */
  next(kind: Kind): Promise<number> {
    return new Promise((resolve) => this.#waiting.push({ kind, resolve }));
  }

  /** An answer arrived; its value is 0 if the answer carries no number. */
  arrived(kind: Kind, value: number): void {
    this.#settle((waiting) => waiting === kind, value);
  }

  /** No further answers will arrive: resolves all pending ones with 0. */
  end(): void {
    this.#settle(() => true, 0);
  }

  #settle(isMeant: (kind: Kind) => boolean, value: number): void {
    const settled = this.#waiting.filter(({ kind }) => isMeant(kind));
    this.#waiting = this.#waiting.filter(({ kind }) => !isMeant(kind));
    for (const { resolve } of settled) resolve(value);
  }
}
