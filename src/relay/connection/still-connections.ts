import type { Connection } from "./connection.ts";
import { stoodStill } from "../late-timer.ts";

// A connection is ended late by at most one part in so many of the time.
const LOOKS = 10;

/** A connection at a look, kept as long as nothing moves. */
interface Sighting {
  /** `movedBytes` then and since. */
  readonly moved: number;
  /** When something last moved, by `performance.now()`. */
  at: number;
  /** `unsentBytes` at the last look; null before the kernel was first asked. */
  unsent: number | null;
}

/** Which connections `StillConnections` ends, and when. */
export interface StillnessLimit {
  /** Milliseconds without a movement. */
  readonly after: number;
  /** Whether the limit is about a connection now. Its time starts when this becomes true. */
  readonly concerns: (connection: Connection) => boolean;
  readonly end: (connection: Connection) => void;
}

/**
 * Ends connections on which nothing moved for a time. One timer looks at all of them in turn: a
 * connection pays nothing for a chunk, and ten thousand of them cost one wake-up.
 *
 * Bytes move when the relay reads or writes them, and when a peer takes bytes that the relay's kernel
 * holds for it. If the process stood still, the time of every connection starts anew.
 */
export class StillConnections implements Disposable {
  readonly #connections: ReadonlySet<Connection>;
  readonly #limit: StillnessLimit;
  #seen = new WeakMap<Connection, Sighting>();
  readonly #period: number;
  readonly #timer: Timer;
  #lastLook = performance.now();

  constructor(connections: ReadonlySet<Connection>, limit: StillnessLimit) {
    this.#connections = connections;
    this.#limit = limit;
    this.#period = Math.ceil(limit.after / LOOKS);
    this.#timer = setInterval(() => this.#look(), this.#period);
    this.#look();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const now = performance.now();
    const late = now - this.#lastLook - this.#period;
    this.#lastLook = now;
    if (stoodStill(late, this.#limit.after)) this.#seen = new WeakMap();
    for (const connection of this.#connections) this.#lookAt(connection, now);
  }

  #lookAt(connection: Connection, now: number): void {
    if (!this.#limit.concerns(connection)) {
      this.#seen.delete(connection);
      return;
    }
    const moved = movedBytes(connection);
    const seen = this.#seen.get(connection);
    if (seen?.moved !== moved) {
      this.#seen.set(connection, { moved, at: now, unsent: null });
      return;
    }
    // Nothing was written since: what the kernel holds can only become less, and 0 stays 0.
    if (seen.unsent !== 0) {
      const unsent = unsentBytes(connection);
      if (seen.unsent !== null && unsent < seen.unsent) seen.at = now;
      seen.unsent = unsent;
    }
    if (now - seen.at >= this.#limit.after) this.#limit.end(connection);
  }
}

/** Changes whenever a byte is read or written. */
function movedBytes({ up, down }: Connection): number {
  return 2 * (up.bytesRead + down.bytesRead) - up.pending - down.pending;
}

/** Bytes that the kernel holds for both peers. */
function unsentBytes({ client, destination }: Connection): number {
  return client.unsent() + destination.unsent();
}
