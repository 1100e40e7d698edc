import { PROGRAM, VERSION } from "../../program/version.ts";
import { clientFields, clientGroup, clientName } from "../figures/client-name-and-fields.ts";
import type { RateHistory, Sample } from "../figures/rate-history.ts";
import { HISTORY_SECONDS } from "../figures/rate-history.ts";
import type { Observation, ObservedRelay } from "../figures/observe-process.ts";
import {
  type ClientGroup,
  type Filter,
  GROUP_SORTS,
  joinLists,
  type GroupSort,
  type OpenConnection,
  type Sort,
  SORTS,
} from "../figures/open-connections.ts";
import { processUsage } from "../figures/process-usage.ts";
import type { FailureRecord } from "../figures/recent-failures.ts";
import type { RelayStatistics } from "../figures/relay-statistics.ts";
import {
  type FailureDocument,
  type GroupDocument,
  LISTED_RELAYS,
  type ListedRelays,
  type OpenDocument,
  type OpenList,
  type RelayFailureDocument,
  type RelaySummary,
  type SampleDocument,
  type StatusDocument,
  type Traffic,
} from "./status-format.ts";

/** A query for the status. */
export type StatusQuery = ListQuery & {
  /** The maximum number of open connections (or groups) in the list. */
  readonly limit: number;
  /** The number of open connections (or groups) to skip before the first one in the list. */
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

/** The maximum number of failures of all relays together that one answer lists. */
const FAILURES_MOST = 50;

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

/** The status of one of the observed relays, at this moment. */
export function statusDocument(
  observation: Observation,
  relay: ObservedRelay,
  query: StatusQuery,
): StatusDocument {
  const { statistics, history } = relay;
  const { notReadyBecause, lastFailure } = statistics;
  const figures = processUsage();
  return {
    program: PROGRAM,
    version: VERSION,
    pid: process.pid,
    relay: relay.name,
    relays: observation.relays.map(summary),
    all:
      observation.relays.length === 1
        ? null
        : {
            traffic: trafficOfAll(observation),
            failures: failuresOfAll(observation),
            history: observation.all.history.last(query.history).map(sampleDocument),
          },
    state: statistics.phase,
    ready: notReadyBecause === null,
    not_ready_because: notReadyBecause,
    started_at: statistics.startedAt.toISOString(),
    uptime_seconds: rounded(statistics.uptime),
    source: statistics.source,
    destination: relay.destination,
    options: relay.options,
    connections: {
      open: statistics.open.size,
      waiting_for_header: statistics.waitingForHeader,
      max: relay.connectionsMax,
      total: statistics.accepted,
      connected: statistics.connected,
      refused: Object.fromEntries(statistics.refused),
      failed: Object.fromEntries(statistics.failed),
      closed: Object.fromEntries(statistics.closed),
    },
    traffic: traffic(statistics, history),
    accept_pauses: statistics.acceptPauses,
    log_lines_dropped: observation.process.logLinesLost(),
    faults: statistics.faults,
    capture_ended: statistics.captureEnded,
    failures: statistics.failures.list().map(failureDocument),
    last_failure: lastFailure && { ...lastFailure, at: lastFailure.at.toISOString() },
    process: {
      connections_open: observation.relays.reduce(
        (sum, each) => sum + each.statistics.open.size,
        0,
      ),
      connections_max: observation.process.connectionsMax,
      held_bytes: observation.process.heldBytes(),
      held_bytes_max: observation.process.memoryMax,
      earlier_connections: observation.process.earlierConnections(),
      cpu_seconds: rounded(figures.cpuUserSeconds + figures.cpuSystemSeconds),
      resident_memory_bytes: figures.residentBytes,
      open_files: figures.openFiles,
      open_files_max: figures.openFilesMax,
      event_loop_delay_seconds: rounded(observation.eventLoopDelay),
    },
    open: openList(observation, relay, query),
    history: history.last(query.history).map(sampleDocument),
  };
}

function sampleDocument(sample: Sample): SampleDocument {
  return {
    at: rounded(sample.at),
    rate_up: Math.round(sample.up),
    rate_down: Math.round(sample.down),
    open: sample.open,
    accepted: rounded(sample.accepted),
    failed: rounded(sample.failed),
    refused: rounded(sample.refused),
    connect_p50_seconds: sample.connectP50 && precise(sample.connectP50),
    connect_p99_seconds: sample.connectP99 && precise(sample.connectP99),
    event_loop_delay_seconds: precise(sample.eventLoopDelay),
  };
}

function failureDocument(failure: FailureRecord): FailureDocument {
  const { kind, reason, count, firstAt, lastAt, message } = failure;
  return {
    kind,
    reason,
    count,
    first_at: new Date(firstAt).toISOString(),
    last_at: new Date(lastAt).toISOString(),
    message,
  };
}

function summary({ statistics, history, ...relay }: ObservedRelay): RelaySummary {
  const { notReadyBecause, phase, source } = statistics;
  const { open, accepted, failed, refused } = statistics.totals();
  return {
    name: relay.name,
    state: phase,
    ready: notReadyBecause === null,
    not_ready_because: notReadyBecause,
    source,
    destination: relay.destination,
    open,
    waiting_for_header: statistics.waitingForHeader,
    max: relay.connectionsMax,
    total: accepted,
    failed,
    refused,
    rate_up: Math.round(history.latest?.up ?? 0),
    rate_down: Math.round(history.latest?.down ?? 0),
    capture_ended: statistics.captureEnded,
  };
}

function trafficOfAll({ relays }: Observation): Traffic {
  return relays.map((relay) => traffic(relay.statistics, relay.history)).reduce(addTraffic);
}

function failuresOfAll({ relays }: Observation): readonly RelayFailureDocument[] {
  return relays
    .flatMap(({ name, statistics }) =>
      statistics.failures.list().map((failure) => ({ relay: name, ...failureDocument(failure) })),
    )
    .sort((a, b) => b.last_at.localeCompare(a.last_at))
    .slice(0, FAILURES_MOST);
}

function addTraffic(one: Traffic, other: Traffic): Traffic {
  return {
    bytes_up: one.bytes_up + other.bytes_up,
    bytes_down: one.bytes_down + other.bytes_down,
    rate_up: one.rate_up + other.rate_up,
    rate_down: one.rate_down + other.rate_down,
    held_up: one.held_up + other.held_up,
    held_down: one.held_down + other.held_down,
    pauses_up: one.pauses_up + other.pauses_up,
    pauses_down: one.pauses_down + other.pauses_down,
  };
}

function traffic(statistics: RelayStatistics, history: RateHistory): Traffic {
  const { bytes, pauses } = statistics;
  const held = statistics.open.held();
  return {
    bytes_up: bytes.up,
    bytes_down: bytes.down,
    rate_up: Math.round(history.latest?.up ?? 0),
    rate_down: Math.round(history.latest?.down ?? 0),
    held_up: held.up,
    held_down: held.down,
    pauses_up: pauses.up,
    pauses_down: pauses.down,
  };
}

function openList(
  observation: Observation,
  { name, statistics: { open } }: ObservedRelay,
  query: StatusQuery,
): OpenList {
  const { limit, offset = 0 } = query;
  const range = { limit, offset };
  const filter = filterOf(query);
  if (query.group === undefined && query.list === "all") {
    const start = { offset: 0, limit: offset + limit };
    const lists = observation.relays.map(({ name: relay, statistics }) => {
      const { total, list } = statistics.open.list(query.sort, start, filter);
      return { total, list: list.map((connection) => ({ relay, connection })) };
    });
    const { total, list } = joinLists(lists, query.sort, range);
    const shown = list.map(({ relay, connection }) => openDocument(relay, connection));
    return { of: "all", sort: query.sort, ...range, matching: total, list: shown, groups: null };
  }
  if (query.group === undefined) {
    const { total, list } = open.list(query.sort, range, filter);
    const shown = list.map((connection) => openDocument(name, connection));
    return { of: "relay", sort: query.sort, ...range, matching: total, list: shown, groups: null };
  }
  const { total, list, connections } = open.groups(query.sort, range, filter);
  const groups = { total, list: list.map(groupDocument) };
  return { of: "relay", sort: query.sort, ...range, matching: connections, list: [], groups };
}

/** The filter that a query asks for; undefined if the query asks for all connections. */
function filterOf({ find = "", client }: StatusQuery): Filter | undefined {
  const words = find
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "");
  if (words.length === 0 && client === undefined) return undefined;
  return ({ view }) => {
    if (client !== undefined && clientGroup(view) !== client) return false;
    if (words.length === 0) return true;
    const text = `${clientName(view)} ${view.state} ${view.destinationAddress}`.toLowerCase();
    return words.every((word) => text.includes(word));
  };
}

function groupDocument(group: ClientGroup): GroupDocument {
  return {
    client: group.client,
    open: group.open,
    age_seconds: rounded((performance.now() - group.openedAt) / 1_000),
    bytes_up: group.bytesUp,
    bytes_down: group.bytesDown,
    rate_up: Math.round(group.rateUp),
    rate_down: Math.round(group.rateDown),
    held_up: group.heldUp,
    held_down: group.heldDown,
  };
}

function openDocument(relay: string, { view, rateUp, rateDown }: OpenConnection): OpenDocument {
  return {
    relay,
    id: view.id,
    ...clientFields(view),
    state: view.state,
    reached: view.destinationAddress,
    age_seconds: rounded((performance.now() - view.openedAt) / 1_000),
    bytes_up: view.bytesUp,
    bytes_down: view.bytesDown,
    rate_up: Math.round(rateUp),
    rate_down: Math.round(rateDown),
    held_up: view.heldUp,
    held_down: view.heldDown,
  };
}

/** Rounds a number of seconds to microseconds. */
function precise(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}

/** Rounds to three decimals, for example a number of seconds to milliseconds. */
function rounded(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
