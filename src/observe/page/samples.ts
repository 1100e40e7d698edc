import type { SampleDocument, StatusDocument } from "../admin/status-document.ts";

/** The samples of the last minutes. An answer contains only new samples. */
export class Samples {
  readonly #seconds: number;
  #list: readonly SampleDocument[] = [];
  /** The process that the samples are from. */
  #owner = "";
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

  /** Adds the samples of an answer. */
  add({ pid, started_at: startedAt, history }: StatusDocument): void {
    const owner = `${pid} ${startedAt}`;
    const isAnother = this.#owner !== "" && this.#owner !== owner;
    if (isAnother) this.#list = [];
    this.#owner = owner;
    const last = this.#list.at(-1)?.at ?? -Infinity;
    this.#list = [...this.#list, ...history.filter(({ at }) => at > last)].slice(-this.#seconds);
    // After a restart the whole history has to be asked for again.
    this.#answered = isAnother ? -Infinity : performance.now();
  }
}
