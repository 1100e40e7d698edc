import type { SampleDocument } from "../admin/status-format.ts";

/**
 * The samples of the last minutes, collected from the answers to the status requests. The first
 * answer contains the whole history. Each later answer contains only the samples of the last
 * seconds.
 */
export class RecentSamples {
  readonly #seconds: number;
  #list: readonly SampleDocument[] = [];
  /**
   * The process and the relay that the samples come from; `""` before the first answer and after
   * `clear()`.
   */
  #subject = "";
  #answered = -Infinity;

  constructor(seconds: number) {
    this.#seconds = seconds;
  }

  get list(): readonly SampleDocument[] {
    return this.#list;
  }

  /** The number of seconds of history that the next request should ask for. */
  get wanted(): number {
    const missed = (performance.now() - this.#answered) / 1_000;
    return Math.min(this.#seconds, Math.ceil(missed) + 2);
  }

  /** Removes all samples. The next request then asks for the whole history. */
  clear(): void {
    this.#list = [];
    this.#subject = "";
    this.#answered = -Infinity;
  }

  /**
   * Adds the samples of an answer. If `subject` has changed since the last answer, removes the old
   * samples first.
   *
   * @param subject - the process and the relay that the samples come from
   */
  add(subject: string, history: readonly SampleDocument[]): void {
    const isAnother = this.#subject !== "" && this.#subject !== subject;
    if (isAnother) this.#list = [];
    this.#subject = subject;
    const last = this.#list.at(-1)?.at ?? -Infinity;
    this.#list = [...this.#list, ...history.filter(({ at }) => at > last)].slice(-this.#seconds);
    // If the subject has changed, this answer has only the seconds that were missing for the old
    // subject. So the next request asks for the whole history.
    this.#answered = isAnother ? -Infinity : performance.now();
  }

  /**
   * The number of events in the last `seconds`, computed from the rate of the events in each
   * sample.
   */
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
