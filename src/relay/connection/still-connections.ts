import type { Connection } from "./connection.ts";
import { stoodStill } from "../late-timer.ts";

// Looks within the time limit. A connection is ended late by at most the time between two looks.
const LOOKS = 10;

/** What was seen of a connection since something last moved. */
interface Sighting {
  /** `movedBytes`, which is the same since then. */
  readonly moved: number;
  /** The look at which something had last moved, by `performance.now()`. */
  at: number;
  /** `unsentBytes` at the last look; null before the kernel was asked. */
  unsent: number | null;
}

/** Which connections `StillConnections` is to end, and when. */
export interface StillnessLimit {
  /** Milliseconds without movement. */
  readonly after: number;
  /** Whether the limit applies to a connection. Its time starts when this becomes true. */
  readonly concerns: (connection: Connection) => boolean;
  readonly end: (connection: Connection) => void;
}

/**
 * Ends connections on which nothing moved for a time. One timer looks at all of them, so a chunk costs
 * nothing, and ten thousand connections cost one wake-up.
 *
 * Bytes move when the relay reads or writes them, and when a peer acknowledges bytes that the kernel
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
    // Nothing was written since, so the kernel can only hold less than before: 0 stays 0.
    if (seen.unsent !== 0) {
      const unsent = unsentBytes(connection);
      if (seen.unsent !== null && unsent < seen.unsent) seen.at = now;
      seen.unsent = unsent;
    }
    if (now - seen.at >= this.#limit.after) this.#limit.end(connection);
  }
}

/** A number that changes whenever the relay reads or writes a byte. */
function movedBytes({ up, down }: Connection): number {
  return 2 * (up.bytesRead + down.bytesRead) - up.pending - down.pending;
}

/** Bytes that the kernel holds for both peers. */
function unsentBytes({ client, destination }: Connection): number {
  return client.unsent() + destination.unsent();
}
