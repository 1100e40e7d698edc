/** A relay that can stop accepting for a while. */
export interface LimitedRelay {
  /**
   * Leaves new clients in the kernel's queue until `resumeFor` is called with the same `holder`.
   * The holder is the name of the part of the program that wants the pause.
   */
  pauseFor(holder: string): void;
  resumeFor(holder: string): void;
}

/** The name under which the relays are paused (`LimitedRelay.pauseFor`) at the limit. */
export const SHARED_LIMIT_HOLDER = "shared limit";

/**
 * The maximum number of open connections that several relays of one thread share. While this limit
 * is reached, none of these relays accepts, and clients wait in the kernel's queues. The relay that
 * accepted the most recent client accepts again after all other relays, so that no relay keeps the
 * clients of another relay out.
 */
export class SharedConnectionLimit {
  readonly #most: number;
  /** The relays that share the limit, in the order in which they accept again. */
  readonly #relays = new Set<LimitedRelay>();
  #open = 0;

  /** @param most - the maximum number of open connections, at least 1 */
  constructor(most: number) {
    this.#most = most;
  }

  get isReached(): boolean {
    return this.#open >= this.#most;
  }

  /** The number of open connections of all relays that share the limit. */
  get open(): number {
    return this.#open;
  }

  join(relay: LimitedRelay): void {
    this.#relays.add(relay);
    if (this.isReached) relay.pauseFor(SHARED_LIMIT_HOLDER);
  }

  leave(relay: LimitedRelay): void {
    this.#relays.delete(relay);
  }

  /**
   * Counts a client that a relay has accepted. Returns whether the limit is reached with this
   * client.
   */
  opened(relay: LimitedRelay): boolean {
    this.#open += 1;
    if (this.#open !== this.#most) return false;
    if (this.#relays.delete(relay)) this.#relays.add(relay);
    for (const each of this.#relays) each.pauseFor(SHARED_LIMIT_HOLDER);
    return true;
  }

  /** Counts the end of a connection of any relay that shares the limit. */
  closed(): void {
    const wasReached = this.isReached;
    this.#open -= 1;
    if (!wasReached) return;
    for (const each of [...this.#relays]) {
      // Without FFI, `resumeFor` itself admits waiting clients, so a relay that this loop has
      // already resumed may have reached the limit again.
      if (this.isReached) break;
      each.resumeFor(SHARED_LIMIT_HOLDER);
    }
  }
}
