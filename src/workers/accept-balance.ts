import type { PausableRelay } from "../relay/relay-interface.ts";
import type { SharedCounters } from "./shared-counters.ts";

// The constant part of the allowed lead. The allowed lead is the maximum difference between a
// worker's number of connections and that of the least loaded worker.
const SLACK = 4;
// For every SLACK_PART connections that a worker has, its allowed lead grows by one connection.
const SLACK_PART = 16;

// The time, in milliseconds, for which a worker accepts nobody when its lead over the least loaded
// worker is greater than the allowed lead.
export const STEP_BACK = 1;

// The time, in milliseconds, within which a healthy thread runs at least once, even on a busy
// machine. If the least loaded worker accepts no client for this time, it probably hangs, and the
// allowed lead of the other workers grows.
const PATIENCE = 25;

const HOLDER = "balance";

/**
 * Spreads clients evenly over the workers. The kernel lets the worker that runs first accept all
 * waiting clients: when 400 clients connected at once, one of three workers accepted up to 387 of
 * them. So a worker accepts nobody for `STEP_BACK` milliseconds if its lead over the least loaded
 * worker is greater than the allowed lead. A timer makes the worker resume, so clients are accepted
 * even if other workers hang. If the least loaded worker accepts nobody for `PATIENCE`
 * milliseconds, for example because it hangs, the allowed lead grows.
 */
export class AcceptBalance implements Disposable {
  readonly #counts: SharedCounters;
  readonly #worker: number;
  readonly #relay: Pick<PausableRelay, "pauseFor" | "resumeFor">;
  #timer: Timer | undefined;
  /**
   * The index of the least loaded worker at the last call of `#watch`; -1 before the first call.
   */
  #least = -1;
  /**
   * The number of clients that the worker `#least` had accepted in all when `#watch` was last
   * called.
   */
  #leastTaken = 0;
  /** The time, by `performance.now()`, at which `#least` or `#leastTaken` last changed. */
  #since = 0;
  /**
   * An addition to this worker's allowed lead, in connections, while the least loaded worker
   * probably hangs; otherwise 0.
   */
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

  /**
   * Makes this worker accept nobody for a moment if its lead over the least loaded worker is
   * greater than the allowed lead. Called after this worker has accepted a client.
   */
  opened(): void {
    const open = this.#counts.open(this.#worker);
    if (open <= SLACK || this.#over) return;
    const least = this.#counts.leastLoadedBut(this.#worker);
    if (least < 0) return;
    this.#watch(least);
    const slack = SLACK + Math.floor(open / SLACK_PART) + this.#allowance;
    if (open - this.#counts.open(least) > slack) this.#stepBack();
  }

  /**
   * Watches the least loaded worker, whose index is `least`. If another worker was the least loaded
   * one at the last call, or if the least loaded worker has accepted a client since then, notes the
   * current time and sets `#allowance` to 0.
   */
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
