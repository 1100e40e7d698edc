import type { ConnectionView } from "../../relay/observer.ts";

/** A figure for each direction: `up` is from the client, `down` from the destination. */
export interface BothWays {
  readonly up: number;
  readonly down: number;
}

/** The orders of a list of open connections; the greatest value comes first. */
export const SORTS = ["age", "newest", "bytes", "rate", "held"] as const;
export type Sort = (typeof SORTS)[number];

/** An open connection and its speed at the last measurement. */
export interface OpenConnection {
  readonly view: ConnectionView;
  /** Bytes per second between the last two measurements. */
  readonly rateUp: number;
  readonly rateDown: number;
}

class Watched implements OpenConnection {
  rateUp = 0;
  rateDown = 0;
  seenUp = 0;
  seenDown = 0;

  constructor(readonly view: ConnectionView) {}

  look(seconds: number): void {
    const { bytesUp, bytesDown } = this.view;
    this.rateUp = (bytesUp - this.seenUp) / seconds;
    this.rateDown = (bytesDown - this.seenDown) / seconds;
    this.seenUp = bytesUp;
    this.seenDown = bytesDown;
  }
}

/** The connections that are open, oldest first. */
export class OpenConnections {
  readonly #open = new Map<ConnectionView, Watched>();

  get size(): number {
    return this.#open.size;
  }

  add(connection: ConnectionView): void {
    this.#open.set(connection, new Watched(connection));
  }

  delete(connection: ConnectionView): void {
    this.#open.delete(connection);
  }

  /** Measures the speed of each connection over the `seconds` since the last measurement. */
  look(seconds: number): void {
    for (const watched of this.#open.values()) watched.look(seconds);
  }

  /** Bytes read so far. */
  bytes(): BothWays {
    let up = 0;
    let down = 0;
    for (const { bytesUp, bytesDown } of this.#open.keys()) {
      up += bytesUp;
      down += bytesDown;
    }
    return { up, down };
  }

  /** Bytes that were read and not yet passed on. */
  held(): BothWays {
    let up = 0;
    let down = 0;
    for (const { heldUp, heldDown } of this.#open.keys()) {
      up += heldUp;
      down += heldDown;
    }
    return { up, down };
  }

  /** How often reading paused. */
  pauses(): BothWays {
    let up = 0;
    let down = 0;
    for (const { pausesUp, pausesDown } of this.#open.keys()) {
      up += pausesUp;
      down += pausesDown;
    }
    return { up, down };
  }

  /** The first `limit` connections in an order; of equal connections the oldest comes first. */
  list(sort: Sort, limit: number): OpenConnection[] {
    if (sort === "age") return [...this.#open.values().take(limit)];
    const all = [...this.#open.values()];
    if (sort === "newest") return limit === 0 ? [] : all.slice(-limit).reverse();
    const weigh = WEIGHTS[sort];
    const weighed = all.map((connection) => ({ connection, weight: weigh(connection) }));
    weighed.sort((a, b) => b.weight - a.weight);
    return weighed.slice(0, limit).map(({ connection }) => connection);
  }
}

const WEIGHTS: Readonly<
  Record<Exclude<Sort, "age" | "newest">, (connection: OpenConnection) => number>
> = {
  bytes: ({ view }) => view.bytesUp + view.bytesDown,
  rate: ({ rateUp, rateDown }) => rateUp + rateDown,
  held: ({ view }) => view.heldUp + view.heldDown,
};
