import { PROGRAM, VERSION } from "../../program/version.ts";
import { acceptPauseWords } from "../figures/accept-pause-words.ts";
import type { RateHistory, Sample } from "../figures/rate-history.ts";
import type { Observation, ObservedRelay } from "../figures/observe-process.ts";
import { processUsage } from "../figures/process-usage.ts";
import type { FailureRecord } from "../figures/recent-failures.ts";
import type { RelayStatistics } from "../figures/relay-statistics.ts";
import type {
  FailureDocument,
  RelayFailureDocument,
  RelaySummary,
  SampleDocument,
  StatusDocument,
  Traffic,
} from "./status-format.ts";
import { openList } from "./list-open-connections.ts";
import { precise, rounded } from "./round-figures.ts";
import type { StatusQuery } from "./status-query.ts";

/** The maximum number of failures in an answer about all relays. */
const FAILURES_MOST = 50;

/** The present status of `relay`, which is one of the observed relays. */
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
    accepting_paused: acceptPauseWords(statistics.acceptingPaused),
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
      workers: observation.process.workers?.() ?? null,
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
    accepting_paused: acceptPauseWords(statistics.acceptingPaused),
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
