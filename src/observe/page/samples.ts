import type { SampleDocument, StatusDocument } from "../admin/status-document.ts";

/** The samples of the last minutes, of which an answer brings only those that are new. */
export class Samples {
  readonly #seconds: number;
  #list: readonly SampleDocument[] = [];
  /** The process that they are of. */
  #owner = "";
  #answered = -Infinity;

  constructor(seconds: number) {
    this.#seconds = seconds;
  }

  get list(): readonly SampleDocument[] {
    return this.#list;
  }

  /** How many seconds of the past to ask for now. */
  get wanted(): number {
    const missed = (performance.now() - this.#answered) / 1_000;
    return Math.min(this.#seconds, Math.ceil(missed) + 2);
  }

  /** Takes the samples of an answer in. */
  add({ pid, started_at: startedAt, history }: StatusDocument): void {
    const owner = `${pid} ${startedAt}`;
    const isAnother = this.#owner !== "" && this.#owner !== owner;
    if (isAnother) this.#list = [];
    this.#owner = owner;
    const last = this.#list.at(-1)?.at ?? -Infinity;
    this.#list = [...this.#list, ...history.filter(({ at }) => at > last)].slice(-this.#seconds);
    // Of another process than before all of the past is still to be asked for.
    this.#answered = isAnother ? -Infinity : performance.now();
  }
}
