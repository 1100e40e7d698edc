import type {
  OpenDocument,
  RelaySummary,
  SampleDocument,
  StatusDocument,
} from "../../../../src/observe/admin/status-format.ts";

/** An open connection as `/status` lists it. */
export function connection(figures: Partial<OpenDocument> = {}): OpenDocument {
  return {
    relay: "/run/in",
    id: 1,
    client: "127.0.0.1:5678",
    state: "open",
    reached: "127.0.0.1:80",
    age_seconds: 62,
    bytes_up: 1_000,
    bytes_down: 2_000_000,
    rate_up: 10,
    rate_down: 20,
    held_up: 0,
    held_down: 5,
    ...figures,
  };
}

function sample(figures: Partial<SampleDocument>): SampleDocument {
  return {
    ...{ at: 0, rate_up: 0, rate_down: 0, open: 0, accepted: 0, failed: 0, refused: 0 },
    ...{ connect_p50_seconds: 0.000_2, connect_p99_seconds: null, event_loop_delay_seconds: 0 },
    ...figures,
  };
}

/** A relay in the list of all. */
export function relay(figures: Partial<RelaySummary> = {}): RelaySummary {
  return {
    name: "/run/in",
    state: "listening",
    ready: true,
    not_ready_because: null,
    source: "/run/in",
    destination: "127.0.0.1:80",
    open: 0,
    waiting_for_header: 0,
    max: 100,
    total: 1_234,
    failed: 23,
    refused: 0,
    rate_up: 1_500,
    rate_down: 2.5e6,
    accepting_paused: [],
    capture_ended: null,
    ...figures,
  };
}

/** A status with such connections. */
export function status(open: readonly OpenDocument[] = [], figures: Partial<StatusDocument> = {}) {
  const document: StatusDocument = {
    program: "simpletcpunixrelay",
    version: "9.8.7",
    pid: 42,
    relay: "/run/in",
    relays: [relay({ open: open.length })],
    all: null,
    state: "listening",
    ready: true,
    not_ready_because: null,
    started_at: "2026-01-01T00:00:00.000Z",
    uptime_seconds: 3_700,
    source: "/run/in",
    destination: "127.0.0.1:80",
    options: {},
    connections: {
      open: open.length,
      waiting_for_header: 0,
      max: 100,
      total: 1_234,
      connected: 1_200,
      refused: {},
      failed: { ECONNREFUSED: 3, ENOENT: 20 },
      closed: { finished: 1_000, "client reset": 0, idle: 4 },
    },
    traffic: {
      bytes_up: 5e6,
      bytes_down: 7e9,
      rate_up: 1_500,
      rate_down: 2.5e6,
      held_up: 0,
      held_down: 4_096,
      pauses_up: 0,
      pauses_down: 1,
    },
    accept_pauses: 0,
    accepting_paused: [],
    log_lines_dropped: 0,
    faults: 0,
    capture_ended: null,
    last_failure: { at: "2026-01-01T00:10:00.000Z", code: "ENOENT", message: "cannot reach it" },
    failures: [
      {
        kind: "unreachable",
        reason: "ENOENT",
        count: 20,
        first_at: "2026-01-01T00:00:10.000Z",
        last_at: "2026-01-01T00:10:00.000Z",
        message: "cannot reach it",
      },
    ],
    process: {
      connections_open: open.length,
      connections_max: null,
      held_bytes: 0,
      held_bytes_max: null,
      earlier_connections: 0,
      workers: 1,
      cpu_seconds: 10,
      resident_memory_bytes: 5e7,
      open_files: 12,
      open_files_max: 1_024,
      event_loop_delay_seconds: 0.0123,
    },
    open: {
      of: "relay",
      sort: "age",
      limit: 20,
      offset: 0,
      matching: open.length,
      list: open,
      groups: null,
    },
    history: [
      sample({ at: 1, rate_down: 1, open: 1, accepted: 1 }),
      sample({ at: 2, rate_up: 5, rate_down: 2, open: 2, accepted: 1, failed: 3 }),
    ],
    ...figures,
  };
  return document;
}
