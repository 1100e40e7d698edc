import { PROGRAM, VERSION } from "../../version.ts";
import { clientFields } from "../figures/client-fields.ts";
import type { RateHistory } from "../figures/rate-history.ts";
import { HISTORY_SECONDS } from "../figures/rate-history.ts";
import type { Observation, ObservedRelay } from "../figures/observation.ts";
import { type OpenConnection, type Sort, SORTS } from "../figures/open-connections.ts";
import { processUsage } from "../figures/process-usage.ts";
import type { RelayStatistics } from "../figures/relay-statistics.ts";
import type { OpenDocument, RelaySummary, StatusDocument, Traffic } from "./status-document.ts";

/** A query for the status. */
export interface StatusQuery {
  readonly sort: Sort;
  /** How many open connections to list. */
  readonly limit: number;
  /** How many seconds of history to include. */
  readonly history: number;
  /** The name of a relay; the first one if absent. */
  readonly relay?: string;
}

/** An invalid query; the message says why. */
export class QueryError extends Error {
  override readonly name = "QueryError";
}

/** The most connections that one answer lists. */
const LIMIT_MOST = 1_000;

const DEFAULT_QUERY = { sort: "age", limit: 100, history: 0 } as const satisfies StatusQuery;

/**
 * Reads `?sort=`, `?limit=`, `?history=` and `?relay=`.
 *
 * @throws {QueryError} for unknown names, repeated names and values out of range
 */
export function readQuery(parameters: URLSearchParams): StatusQuery {
  const known = [...Object.keys(DEFAULT_QUERY), "relay"];
  for (const name of parameters.keys()) {
    if (!known.includes(name))
      throw new QueryError(`there is no ${JSON.stringify(name)}; there are ${known.join(", ")}`);
    if (parameters.getAll(name).length > 1) throw new QueryError(`${name} is given more than once`);
  }
  const relay = parameters.get("relay");
  return {
    sort: readSort(parameters.get("sort")),
    limit: readNumber("limit", parameters.get("limit"), LIMIT_MOST),
    history: readNumber("history", parameters.get("history"), HISTORY_SECONDS),
    ...(relay !== null && { relay }),
  };
}

function readSort(text: string | null): Sort {
  if (text === null) return DEFAULT_QUERY.sort;
  const sort = SORTS.find((known) => known === text);
  if (sort === undefined)
    throw new QueryError(`sort ${JSON.stringify(text)} is none of ${SORTS.join(", ")}`);
  return sort;
}

function readNumber(name: "limit" | "history", text: string | null, most: number): number {
  if (text === null) return DEFAULT_QUERY[name];
  const value = Number(text);
  if (!/^\d{1,9}$/.test(text) || value > most)
    throw new QueryError(`${name} ${JSON.stringify(text)} is no number from 0 to ${most}`);
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
      max: relay.connectionsMax,
      total: statistics.accepted,
      connected: statistics.connected,
      refused: Object.fromEntries(statistics.refused),
      failed: Object.fromEntries(statistics.failed),
      closed: Object.fromEntries(statistics.closed),
    },
    traffic: traffic(statistics, history),
    accept_pauses: statistics.acceptPauses,
    log_lines_dropped: observation.logLinesLost(),
    faults: statistics.faults,
    last_failure: lastFailure && { ...lastFailure, at: lastFailure.at.toISOString() },
    process: {
      cpu_seconds: rounded(figures.cpuUserSeconds + figures.cpuSystemSeconds),
      resident_memory_bytes: figures.residentBytes,
      open_files: figures.openFiles,
      open_files_max: figures.openFilesMax,
      event_loop_delay_seconds: rounded(observation.eventLoopDelay),
    },
    open: {
      sort: query.sort,
      limit: query.limit,
      list: statistics.open.list(query.sort, query.limit).map(openDocument),
    },
    history: history.last(query.history).map((sample) => ({
      at: rounded(sample.at),
      rate_up: Math.round(sample.up),
      rate_down: Math.round(sample.down),
      open: sample.open,
      accepted: rounded(sample.accepted),
      failed: rounded(sample.failed),
    })),
  };
}

function summary({ name, statistics }: ObservedRelay): RelaySummary {
  const { notReadyBecause, open } = statistics;
  return { name, ready: notReadyBecause === null, open: open.size };
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

function openDocument({ view, rateUp, rateDown }: OpenConnection): OpenDocument {
  return {
    id: view.id,
    ...clientFields(view),
    state: view.state,
    age_seconds: rounded((performance.now() - view.openedAt) / 1_000),
    bytes_up: view.bytesUp,
    bytes_down: view.bytesDown,
    rate_up: Math.round(rateUp),
    rate_down: Math.round(rateDown),
    held_up: view.heldUp,
    held_down: view.heldDown,
  };
}

/** Rounds to milliseconds. */
function rounded(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
