import type { PausableRelay } from "../relay/relay.ts";
import type { SharedCounters } from "./shared-counters.ts";

// By how many connections a worker may exceed the least loaded worker: SLACK, plus 1/SLACK_PART of
// its own connections.
const SLACK = 4;
const SLACK_PART = 16;

// How long a worker that exceeds this accepts nobody, in milliseconds.
export const STEP_BACK = 1;

// How long a worker steps back in favor of a least loaded worker that accepts no client, in
// milliseconds: even on a busy machine every thread runs within this time.
const PATIENCE = 25;

const HOLDER = "balance";

/**
 * Spreads clients evenly over the workers. The kernel lets the first worker accept all waiting
 * clients: of 400 clients at once, one of three workers accepted up to 387. A worker that is too
 * far ahead of the least loaded worker therefore stops accepting for a moment. It resumes by a
 * timer, so no client depends on another worker. If the least loaded worker accepts nobody for some
 * time, because it hangs, the allowed lead grows.
 */
export class AcceptBalance implements Disposable {
  readonly #counts: SharedCounters;
  readonly #worker: number;
  readonly #relay: Pick<PausableRelay, "pauseFor" | "resumeFor">;
  #timer: Timer | undefined;
  /** The least loaded worker, its accept count, and when one of the two last changed. */
  #least = -1;
  #leastTaken = 0;
  #since = 0;
  /** Extra connections by which this worker may be ahead. */
  #allowance = 0;
  #over = false;

  constructor(
    counts: SharedCounters,
    worker: number,
    relay: Pick<PausableRelay, "pauseFor" | "resumeFor">,
  ) {
    this.#counts = counts;
    this.#worker = worker;
    this.#relay = relay;
  }

  [Symbol.dispose](): void {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#relay.resumeFor(HOLDER);
  }

  /** Called after this worker has accepted a client. */
  opened(): void {
    const open = this.#counts.open(this.#worker);
    if (open <= SLACK || this.#over) return;
    const least = this.#counts.leastLoadedBut(this.#worker);
    if (least < 0) return;
    this.#watch(least);
    const slack = SLACK + Math.floor(open / SLACK_PART) + this.#allowance;
    if (open - this.#counts.open(least) > slack) this.#stepBack();
  }

  /** Notes whether the least loaded worker accepts clients. */
  #watch(least: number): void {
    const taken = this.#counts.taken(least);
    if (least === this.#least && taken === this.#leastTaken) return;
    this.#least = least;
    this.#leastTaken = taken;
    this.#since = performance.now();
    this.#allowance = 0;
  }

  #stepBack(): void {
    if (performance.now() - this.#since > PATIENCE)
      this.#allowance = Math.max(SLACK, 2 * this.#allowance);
    this.#relay.pauseFor(HOLDER);
    this.#timer = setTimeout(() => this.#relay.resumeFor(HOLDER), STEP_BACK);
  }
}
