import type { SampleDocument } from "../admin/status-document.ts";

/** The samples of the last minutes. An answer contains only new samples. */
export class Samples {
  readonly #seconds: number;
  #list: readonly SampleDocument[] = [];
  /** What the samples are about: a process and a relay. */
  #subject = "";
  #answered = -Infinity;

  constructor(seconds: number) {
    this.#seconds = seconds;
  }

  get list(): readonly SampleDocument[] {
    return this.#list;
  }

  /** How many seconds of history to ask for. */
  get wanted(): number {
    const missed = (performance.now() - this.#answered) / 1_000;
    return Math.min(this.#seconds, Math.ceil(missed) + 2);
  }

  /** Forgets all samples: the next answer has to contain the whole history. */
  clear(): void {
    this.#list = [];
    this.#subject = "";
    this.#answered = -Infinity;
  }

  /**
   * Adds the samples of an answer.
   *
   * @param subject - the process and the relay that they are about
   */
  add(subject: string, history: readonly SampleDocument[]): void {
    const isAnother = this.#subject !== "" && this.#subject !== subject;
    if (isAnother) this.#list = [];
    this.#subject = subject;
    const last = this.#list.at(-1)?.at ?? -Infinity;
    this.#list = [...this.#list, ...history.filter(({ at }) => at > last)].slice(-this.#seconds);
    // After a restart the whole history has to be asked for again.
    this.#answered = isAnother ? -Infinity : performance.now();
  }

  /** How many times something happened in the last `seconds`, by its rate. */
  sum(seconds: number, rateOf: (sample: SampleDocument) => number): number {
    const until = this.#list.at(-1)?.at ?? 0;
    let sum = 0;
    for (const [index, sample] of this.#list.entries()) {
      if (sample.at <= until - seconds) continue;
      const before = this.#list[index - 1]?.at ?? sample.at - 1;
      sum += rateOf(sample) * (sample.at - before);
    }
    return Math.round(sum);
  }
}
