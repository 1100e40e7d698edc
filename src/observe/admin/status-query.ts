import { HISTORY_SECONDS } from "../figures/rate-history.ts";
import { GROUP_SORTS, type GroupSort, type Sort, SORTS } from "../figures/open-connections.ts";
import { LISTED_RELAYS, type ListedRelays } from "./status-format.ts";

/** A query for the status. */
export type StatusQuery = ListQuery & {
  /** The maximum number of open connections in the list; with `group`, of clients. */
  readonly limit: number;
  /**
   * The number of open connections (with `group`, of clients) to skip before the first one in the
   * list.
   */
  readonly offset?: number;
  /** The number of seconds of history to include. */
  readonly history: number;
  /** The name of the relay that the status is about. Default: the first relay. */
  readonly relay?: string;
  /**
   * Words, separated by spaces. A connection is listed only if each word occurs in the connection's
   * client, state or reached address, in upper or lower case.
   */
  readonly find?: string;
  /** The client whose connections are listed: an address without its port, or `user 1000`. */
  readonly client?: string;
};

/**
 * The kind of the list: the connections of the relay that the status is about, the connections of
 * all relays, or (with `group`) the relay's connections grouped by client.
 */
type ListQuery =
  | { readonly group?: undefined; readonly sort: Sort; readonly list?: ListedRelays }
  | { readonly group: "client"; readonly sort: GroupSort };

/** An invalid query. The message is the reason. */
export class QueryError extends Error {
  override readonly name = "QueryError";
}

/** The maximum number of connections that one answer lists. */
const LIMIT_MOST = 1_000;

const OFFSET_MOST = 999_999_999;

/** The maximum length of the texts of `find` and `client`. */
const TEXT_MOST = 200;

const DEFAULTS = { sort: "age", limit: 100, offset: 0, history: 0 } as const;

const NAMES = ["sort", "limit", "offset", "history", "relay", "list", "find", "client", "group"];

/**
 * Reads the parameters of `/status`; NAMES has the names of all parameters.
 *
 * @throws {QueryError} for unknown names, repeated names and values out of range
 */
export function readQuery(parameters: URLSearchParams): StatusQuery {
  for (const name of parameters.keys()) {
    if (!NAMES.includes(name))
      throw new QueryError(
        `there is no parameter ${JSON.stringify(name)}; the parameters are ${NAMES.join(", ")}`,
      );
    if (parameters.getAll(name).length > 1) throw new QueryError(`${name} is given more than once`);
  }
  const relay = parameters.get("relay");
  const find = readText("find", parameters);
  const client = readText("client", parameters);
  return {
    ...readList(parameters.get("group"), parameters.get("sort"), parameters.get("list")),
    limit: readNumber("limit", parameters.get("limit"), LIMIT_MOST),
    offset: readNumber("offset", parameters.get("offset"), OFFSET_MOST),
    history: readNumber("history", parameters.get("history"), HISTORY_SECONDS),
    ...(relay !== null && { relay }),
    ...(find !== undefined && { find }),
    ...(client !== undefined && { client }),
  };
}

function readList(group: string | null, sort: string | null, list: string | null): ListQuery {
  if (group === null)
    return {
      sort: readSort(SORTS, sort ?? DEFAULTS.sort),
      ...(list !== null && { list: readListed(list) }),
    };
  if (list !== null) throw new QueryError("list and group do not work together: leave one out");
  if (group !== "client")
    throw new QueryError(`group=${JSON.stringify(group)} does not exist; use group=client`);
  return { group, sort: readSort(GROUP_SORTS, sort ?? "open") };
}

function readSort<Word extends string>(sorts: readonly Word[], text: string): Word {
  const sort = sorts.find((known) => known === text);
  if (sort === undefined)
    throw new QueryError(
      `sort=${JSON.stringify(text)} does not exist; use one of ${sorts.join(", ")}`,
    );
  return sort;
}

function readListed(text: string): ListedRelays {
  const listed = LISTED_RELAYS.find((known) => known === text);
  if (listed === undefined)
    throw new QueryError(
      `list=${JSON.stringify(text)} does not exist; use one of ${LISTED_RELAYS.join(", ")}`,
    );
  return listed;
}

function readText(name: "find" | "client", parameters: URLSearchParams): string | undefined {
  const text = parameters.get(name) ?? "";
  if (text.length > TEXT_MOST)
    throw new QueryError(`${name} is longer than ${TEXT_MOST} characters`);
  return text === "" ? undefined : text;
}

function readNumber(
  name: "limit" | "offset" | "history",
  text: string | null,
  most: number,
): number {
  if (text === null) return DEFAULTS[name];
  const value = Number(text);
  if (!/^\d{1,9}$/.test(text) || value > most)
    throw new QueryError(`${name}=${JSON.stringify(text)} must be a number from 0 to ${most}`);
  return value;
}
