import type { Connection } from "./connection.ts";

// A connection is ended at most this part of the time late.
const LATE = 10;

interface Sighting {
  readonly moved: number;
  readonly at: number;
}

/**
 * Ends connections on which nothing moved for a time. One timer looks at all of them in turn: a
 * connection pays nothing for a chunk, and ten thousand of them one wake-up.
 */
export class IdleTimeout implements Disposable {
  readonly #connections: ReadonlySet<Connection>;
  readonly #timeout: number;
  readonly #end: (connection: Connection) => void;
  readonly #seen = new WeakMap<Connection, Sighting>();
  readonly #timer: Timer;

  constructor(
    connections: ReadonlySet<Connection>,
    timeout: number,
    end: (connection: Connection) => void,
  ) {
    this.#connections = connections;
    this.#timeout = timeout;
    this.#end = end;
    this.#timer = setInterval(() => this.#look(performance.now()), Math.ceil(timeout / LATE));
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #look(now: number): void {
    for (const connection of this.#connections) {
      const moved = movedBytes(connection);
      const seen = this.#seen.get(connection);
      if (seen?.moved !== moved) this.#seen.set(connection, { moved, at: now });
      else if (now - seen.at >= this.#timeout) this.#end(connection);
    }
  }
}

/** Changes whenever a byte is read or written. */
function movedBytes({ up, down }: Connection): number {
  return 2 * (up.bytesRead + down.bytesRead) - up.pending - down.pending;
}
