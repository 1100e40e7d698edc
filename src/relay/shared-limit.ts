/** A relay that can stop accepting for a while. */
export interface LimitedRelay {
  /** Leaves new clients in the kernel's queue until `resumeFor` is called with the same holder. */
  pauseFor(holder: string): void;
  resumeFor(holder: string): void;
}

/** The holder's name while the limit is reached. */
const HOLDER = "shared limit";

/**
 * A limit of the open connections that several relays of one thread have together. While it is
 * reached, none of them accepts: clients wait in the kernel's queues. The relay that took the last
 * place is the last one to accept again, so that no relay keeps the clients of another one out.
 */
export class SharedLimit {
  readonly #most: number;
  /** In the order in which they accept again. */
  readonly #relays = new Set<LimitedRelay>();
  #open = 0;

  /** @param most - at least 1 */
  constructor(most: number) {
    this.#most = most;
  }

  get isReached(): boolean {
    return this.#open >= this.#most;
  }

  /** The open connections of all relays. */
  get open(): number {
    return this.#open;
  }

  join(relay: LimitedRelay): void {
    this.#relays.add(relay);
    if (this.isReached) relay.pauseFor(HOLDER);
  }

  leave(relay: LimitedRelay): void {
    this.#relays.delete(relay);
  }

  /** A relay has accepted a client. True if the limit is reached by that. */
  opened(relay: LimitedRelay): boolean {
    this.#open += 1;
    if (this.#open !== this.#most) return false;
    if (this.#relays.delete(relay)) this.#relays.add(relay);
    for (const each of this.#relays) each.pauseFor(HOLDER);
    return true;
  }

  /** A connection has ended, of any of the relays. */
  closed(): void {
    const wasReached = this.isReached;
    this.#open -= 1;
    if (!wasReached) return;
    for (const each of [...this.#relays]) {
      // Without FFI a relay accepts at once, inside `resumeFor`, and may reach the limit again.
      if (this.isReached) break;
      each.resumeFor(HOLDER);
    }
  }
}
