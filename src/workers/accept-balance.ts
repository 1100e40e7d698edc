import type { PausableRelay } from "../relay/relay-interface.ts";
import type { SharedCounters } from "./shared-counters.ts";

// A worker may have more connections than the least loaded worker, but at most SLACK more, plus
// 1/SLACK_PART of the worker's own connections (the allowed lead).
const SLACK = 4;
const SLACK_PART = 16;

// The time, in milliseconds, for which a worker accepts nobody after it exceeded the allowed lead.
export const STEP_BACK = 1;

// The time, in milliseconds, after which a least loaded worker that has accepted no client probably
// hangs: even on a busy machine every thread that does not hang runs within this time. The allowed
// lead of the other workers then grows.
const PATIENCE = 25;

const HOLDER = "balance";

/**
 * Spreads clients evenly over the workers. The kernel lets the first worker accept all waiting
 * clients: when 400 clients connected at once, one of three workers accepted up to 387 of them. So
 * a worker that exceeds its allowed lead over the least loaded worker stops accepting for a moment.
 * A timer makes the worker resume, so a client is accepted even if other workers hang. If the least
 * loaded worker accepts nobody for some time, for example because it hangs, the allowed lead grows.
 */
export class AcceptBalance implements Disposable {
  readonly #counts: SharedCounters;
  readonly #worker: number;
  readonly #relay: Pick<PausableRelay, "pauseFor" | "resumeFor">;
  #timer: Timer | undefined;
  /**
   * What was last seen of the least loaded worker: its index (-1 if not known yet), the number of
   * clients that it has ever accepted, and the time, by `performance.now()`, at which one of these
   * two numbers last changed.
   */
  #least = -1;
  #leastTaken = 0;
  #since = 0;
  /**
   * The number of connections by which the allowed lead of this worker has grown. Greater than 0
   * only while the least loaded worker accepts no clients.
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
   * Makes this worker accept nobody for a moment if it is too far ahead of the least loaded worker.
   * Called after this worker has accepted a client.
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
   * Notes the current time if, since the last call, the least loaded worker has changed or has
   * accepted a client. The allowed lead is then the usual one again.
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
