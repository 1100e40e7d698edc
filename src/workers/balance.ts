import type { HoldableRelay } from "../relay/relay.ts";
import type { Counts } from "./counts.ts";

// By how many connections a worker may be ahead of the least loaded one: some, and a part of its own.
const SLACK = 4;
const SLACK_PART = 16;

// How long it then leaves clients to the others, in milliseconds.
const STEP_BACK = 1;

const HOLDER = "balance";

/**
 * Spreads clients evenly. The kernel lets whichever worker is first take all that wait: of 400 at
 * once, one of three workers took up to 387. A worker that is ahead of the least loaded one
 * therefore steps back for a moment. It accepts again by itself, so that clients wait for nobody;
 * and where the least loaded one took none meanwhile, because it hangs or none came, it may get ever
 * further ahead.
 */
export class Balance implements Disposable {
  readonly #counts: Counts;
  readonly #worker: number;
  readonly #relay: HoldableRelay;
  #timer: Timer | undefined;
  /** The least loaded one when this one last stepped back, and what it had taken by then. */
  #least = -1;
  #leastTaken = 0;
  #allowance = 0;
  #over = false;

  constructor(counts: Counts, worker: number, relay: HoldableRelay) {
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
    if (this.#allowance > 0 && this.#hasTaken()) this.#allowance = 0;
    const slack = SLACK + Math.floor(open / SLACK_PART) + this.#allowance;
    if (open - this.#counts.open(least) <= slack) return;
    this.#least = least;
    this.#leastTaken = this.#counts.taken(least);
    this.#relay.hold(HOLDER);
    this.#timer = setTimeout(this.#comeBack, STEP_BACK);
  }

  readonly #comeBack = (): void => {
    this.#allowance = this.#hasTaken() ? 0 : Math.max(SLACK, 2 * this.#allowance);
    this.#relay.release(HOLDER);
  };

  #hasTaken(): boolean {
    return this.#counts.taken(this.#least) !== this.#leastTaken;
  }
}
