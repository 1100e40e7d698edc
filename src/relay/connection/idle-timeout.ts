import type { ConnectionList } from "./connection-list.ts";
import type { Connection } from "./connection.ts";
import { processStoodStill } from "../../os/detect-standstill.ts";

// The number of times that the timer checks each connection within the time limit. So a connection
// ends at most a tenth of the limit too late.
const LOOKS = 10;

/**
 * The facts that `IdleTimeout` knows about a connection on which the relay has read and written
 * nothing since the record was made.
 */
interface Sighting {
  /**
   * The result of `movedBytes` when this record was made. If a later result differs, the relay has
   * read or written bytes, and a new record replaces this one.
   */
  readonly moved: number;
  /** The time of the latest check that found moved bytes, by `performance.now()`. */
  at: number;
  /**
   * The result of `unsentBytes` at the last check; null before the kernel was asked for the first
   * time.
   */
  unsent: number | null;
}

/** The connections that an `IdleTimeout` must end, and the time limit. */
export interface IdleLimit {
  /** The maximum time for which a connection may move no bytes, in milliseconds. */
  readonly after: number;
  /**
   * Returns whether the limit applies to a connection. The time without movement counts from the
   * first check for which this function returns true.
   */
  readonly concerns: (connection: Connection) => boolean;
  readonly end: (connection: Connection) => void;
}

/**
 * Ends connections on which no byte moved for the time limit. One timer checks all connections
 * together. So a chunk causes no extra work, and each check wakes the process once, however many
 * connections there are.
 *
 * Bytes move when the relay reads or writes them, and when a peer takes bytes that the kernel holds
 * for the peer. If the process stood still (`processStoodStill`), the time of every connection
 * starts again.
 */
export class IdleTimeout implements Disposable {
  readonly #connections: ConnectionList<Connection>;
  readonly #limit: IdleLimit;
  #seen = new WeakMap<Connection, Sighting>();
  readonly #period: number;
  readonly #timer: Timer;
  #lastLook = performance.now();

  constructor(connections: ConnectionList<Connection>, limit: IdleLimit) {
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
    if (processStoodStill(late, this.#limit.after)) this.#seen = new WeakMap();
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
    // If the kernel held 0 bytes at the last check, do not ask the kernel again: the relay has
    // written nothing since that check, so the kernel still holds 0 bytes.
    if (seen.unsent !== 0) {
      const unsent = unsentBytes(connection);
      if (seen.unsent !== null && unsent < seen.unsent) seen.at = now;
      seen.unsent = unsent;
    }
    if (now - seen.at >= this.#limit.after) this.#limit.end(connection);
  }
}

/** Returns a number that changes whenever the relay reads or writes bytes of the connection. */
function movedBytes({ up, down }: Connection): number {
  return 2 * (up.bytesRead + down.bytesRead) - up.pending - down.pending;
}

/** Returns the number of bytes that the kernel holds for both peers together. */
function unsentBytes({ client, destination }: Connection): number {
  return client.unsent() + destination.unsent();
}
