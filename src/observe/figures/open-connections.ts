import type { ConnectionView } from "../../relay/observer.ts";
import { clientGroup } from "./group-connections-by-client.ts";

/**
 * A figure for each direction: `up` for bytes from the client, `down` for bytes from the
 * destination.
 */
export interface BothWays {
  readonly up: number;
  readonly down: number;
}

/**
 * The sort orders for a list of open connections. `newest` puts the newest first; each other order
 * puts the greatest value first.
 */
export const SORTS = ["age", "newest", "bytes", "rate", "held"] as const;
export type Sort = (typeof SORTS)[number];

/** The sort orders for a list of clients. `open` sorts by the number of open connections. */
export const GROUP_SORTS = [...SORTS, "open"] as const;
export type GroupSort = (typeof GROUP_SORTS)[number];

/** An open connection and its data rate at the last measurement. */
export interface OpenConnection {
  readonly view: ConnectionView;
  /**
   * Bytes per second from the client between the last two measurements; 0 before the connection's
   * first measurement.
   */
  readonly rateUp: number;
  /** Bytes per second from the destination, measured like `rateUp`. */
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

/** The open connections, oldest first. */
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

  /**
   * Measures the data rate of each connection.
   *
   * @param seconds - the time since the last measurement; if it is 0 or less, nothing is measured
   */
  look(seconds: number): void {
    if (seconds <= 0) return;
    for (const watched of this.#open.values()) watched.look(seconds);
  }

  /** The number of bytes that the open connections have read. */
  bytes(): BothWays {
    let up = 0;
    let down = 0;
    for (const { bytesUp, bytesDown } of this.#open.keys()) {
      up += bytesUp;
      down += bytesDown;
    }
    return { up, down };
  }

  /** The number of bytes that were read from one side and that the other side has not taken yet. */
  held(): BothWays {
    let up = 0;
    let down = 0;
    for (const { heldUp, heldDown } of this.#open.keys()) {
      up += heldUp;
      down += heldDown;
    }
    return { up, down };
  }

  /** The number of times that the reading of the open connections was paused by backpressure. */
  pauses(): BothWays {
    let up = 0;
    let down = 0;
    for (const { pausesUp, pausesDown } of this.#open.keys()) {
      up += pausesUp;
      down += pausesDown;
    }
    return { up, down };
  }

  /**
   * Sorts the connections for which `isWanted` returns true, and returns the part `range` of the
   * sorted list. If connections have equal values, the oldest comes first.
   */
  list(sort: Sort, range: Range, isWanted: Filter = () => true): Found<OpenConnection> {
    const wanted = [...this.#open.values()].filter(isWanted);
    return cut(
      inOrder(wanted, sort, ({ view }) => view),
      range,
    );
  }

  /**
   * Selects the connections for which `isWanted` returns true, groups them by client, sorts the
   * clients, and returns the part `range` of the sorted list. In the result, `total` is the number
   * of all clients in the sorted list, and `connections` the number of all selected connections.
   */
  groups(
    sort: GroupSort,
    range: Range,
    isWanted: Filter = () => true,
  ): Found<ClientGroup> & { readonly connections: number } {
    const groups = new Map<string, Group>();
    let connections = 0;
    for (const connection of this.#open.values()) {
      if (!isWanted(connection)) continue;
      connections += 1;
      const client = clientGroup(connection.view);
      const group = groups.get(client) ?? new Group(client, connection.view);
      groups.set(client, group);
      group.add(connection);
    }
    const list = [...groups.values()];
    const sorted =
      sort === "open"
        ? heaviestFirst(list, ({ open }) => open)
        : inOrder(list, sort, (group) => group);
    return { ...cut(sorted, range), connections };
  }
}

/**
 * Joins the sorted lists of several relays into one sorted list, and returns the part `range` of
 * the joined list. Each input list must be the beginning of one relay's list, sorted by `sort`: the
 * first `range.offset + range.limit` entries, or the whole list if the relay has fewer entries.
 */
export function joinLists<Item extends { readonly connection: OpenConnection }>(
  lists: readonly Found<Item>[],
  sort: Sort,
  range: Range,
): Found<Item> {
  const items = lists.flatMap(({ list }) => list);
  const byAge = items.toSorted(
    (one, other) => one.connection.view.openedAt - other.connection.view.openedAt,
  );
  const rated = byAge.map((item) => {
    const { rateUp, rateDown } = item.connection;
    return { item, rateUp, rateDown };
  });
  const sorted = inOrder(rated, sort, ({ item }) => item.connection.view);
  const { list } = cut(sorted, range);
  const total = lists.reduce((sum, each) => sum + each.total, 0);
  return { total, list: list.map(({ item }) => item) };
}

/** A part of a list: at most `limit` entries after the first `offset` entries. */
export interface Range {
  readonly limit: number;
  readonly offset: number;
}

/** The entries of a part of a list, and the length of the whole list. */
export interface Found<Item> {
  /** The number of entries of the whole list. */
  readonly total: number;
  readonly list: readonly Item[];
}

/** Returns whether the list should include the connection. */
export type Filter = (connection: OpenConnection) => boolean;

/** The open connections of one client. */
export interface ClientGroup {
  readonly client: string;
  readonly open: number;
  /** The time at which the client's oldest open connection was accepted, by `performance.now()`. */
  readonly openedAt: number;
  readonly rateUp: number;
  readonly rateDown: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
  readonly heldUp: number;
  readonly heldDown: number;
}

class Group implements ClientGroup {
  readonly openedAt: number;
  open = 0;
  rateUp = 0;
  rateDown = 0;
  bytesUp = 0;
  bytesDown = 0;
  heldUp = 0;
  heldDown = 0;

  constructor(
    readonly client: string,
    { openedAt }: ConnectionView,
  ) {
    this.openedAt = openedAt;
  }

  add({ view, rateUp, rateDown }: OpenConnection): void {
    this.open += 1;
    this.rateUp += rateUp;
    this.rateDown += rateDown;
    this.bytesUp += view.bytesUp;
    this.bytesDown += view.bytesDown;
    this.heldUp += view.heldUp;
    this.heldDown += view.heldDown;
  }
}

interface Rates {
  readonly rateUp: number;
  readonly rateDown: number;
}

type Counted = Pick<ConnectionView, "bytesUp" | "bytesDown" | "heldUp" | "heldDown">;

const WEIGHTS: Readonly<
  Record<Exclude<Sort, "age" | "newest">, (counted: Counted, rates: Rates) => number>
> = {
  bytes: ({ bytesUp, bytesDown }) => bytesUp + bytesDown,
  rate: (_counted, { rateUp, rateDown }) => rateUp + rateDown,
  held: ({ heldUp, heldDown }) => heldUp + heldDown,
};

/**
 * Sorts a list by `sort`. The given list must be sorted by age, the oldest entry first: `age`
 * returns the list as it is, `newest` reverses it, and every other order leaves entries of equal
 * value in the given order.
 */
function inOrder<Item extends Rates>(
  items: readonly Item[],
  sort: Sort,
  countedOf: (item: Item) => Counted,
): readonly Item[] {
  if (sort === "age") return items;
  if (sort === "newest") return items.toReversed();
  const weigh = WEIGHTS[sort];
  return heaviestFirst(items, (item) => weigh(countedOf(item), item));
}

function heaviestFirst<Item>(
  items: readonly Item[],
  weigh: (item: Item) => number,
): readonly Item[] {
  const weighed = items.map((item) => ({ item, weight: weigh(item) }));
  weighed.sort((a, b) => b.weight - a.weight);
  return weighed.map(({ item }) => item);
}

function cut<Item>(list: readonly Item[], { offset, limit }: Range): Found<Item> {
  return { total: list.length, list: list.slice(offset, offset + limit) };
}
