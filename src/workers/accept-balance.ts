import type { HoldableRelay } from "../relay/running-relay.ts";
import type { SharedCounters } from "./shared-counters.ts";

// By how many connections a worker may be ahead of the least loaded one: some, and a part of its own.
const SLACK = 4;
const SLACK_PART = 16;

// How long it then leaves clients to the others, in milliseconds.
const STEP_BACK = 1;

// How long it goes on like that for one that takes none, in milliseconds: the time in which a busy
// machine lets every thread run.
const PATIENCE = 25;

const HOLDER = "balance";

/**
 * Spreads clients evenly. The kernel lets whichever worker is first take all that wait: of 400 at
 * once, one of three workers took up to 387. A worker that is ahead of the least loaded one
 * therefore steps back for a moment. It accepts again by itself, so that clients wait for nobody;
 * and where the least loaded one takes none for some time, because it hangs, it may get ever further
 * ahead.
 */
export class AcceptBalance implements Disposable {
  readonly #counts: SharedCounters;
  readonly #worker: number;
  readonly #relay: HoldableRelay;
  #timer: Timer | undefined;
  /** The least loaded one when this one last stepped back, what it had taken by then, and when. */
  #least = -1;
  #leastTaken = 0;
  #since = 0;
  /** How much further ahead this one may be. */
  #allowance = 0;
  #over = false;

  constructor(counts: SharedCounters, worker: number, relay: HoldableRelay) {
    this.#counts = counts;
    this.#worker = worker;
    this.#relay = relay;
  }

  [Symbol.dispose](): void {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#relay.release(HOLDER);
  }

  /** After this worker has taken a client. */
  opened(): void {
    const open = this.#counts.open(this.#worker);
    if (open <= SLACK || this.#over) return;
    const least = this.#counts.leastLoadedBut(this.#worker);
    if (least < 0) return;
    this.#watch(least);
    const slack = SLACK + Math.floor(open / SLACK_PART) + this.#allowance;
    if (open - this.#counts.open(least) > slack) this.#stepBack();
  }

  /** Notes whether the least loaded one takes any. */
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
    this.#relay.hold(HOLDER);
    this.#timer = setTimeout(() => this.#relay.release(HOLDER), STEP_BACK);
  }
}
