import type { ConnectionState } from "../../relay/observer.ts";
import type { ClientFields } from "../figures/client-fields.ts";
import type { GroupSort } from "../figures/open-connections.ts";
import type { FailureKind } from "../figures/recent-failures.ts";
import type { Phase } from "../figures/relay-statistics.ts";

// The answer of `/status`; the page and the `status` command read it. A release may add names, but the
// meaning of a name never changes. `up` is from client to destination, `down` the opposite direction.

export interface StatusDocument {
  readonly program: string;
  readonly version: string;
  readonly pid: number;
  /** The name of the relay that this document is about. */
  readonly relay: string;
  /** All relays of the process. */
  readonly relays: readonly RelaySummary[];
  /** The sums of all relays; null if there is only one. */
  readonly all: AllDocument | null;
  readonly state: Phase;
  readonly ready: boolean;
  /** Why it is not ready; null if it is ready. */
  readonly not_ready_because: string | null;
  /** ISO 8601, UTC. */
  readonly started_at: string;
  readonly uptime_seconds: number;
  /** The source as bound; null before it is. */
  readonly source: string | null;
  readonly destination: string;
  /** Every option that has a value, as on a command line: `{"drain-timeout": "10s"}`. */
  readonly options: Readonly<Record<string, string>>;
  readonly connections: ConnectionCounts;
  readonly traffic: Traffic;
  /** How often accepting paused because the most connections were open. */
  readonly accept_pauses: number;
  readonly log_lines_dropped: number;
  /** Unexpected errors. */
  readonly faults: number;
  readonly last_failure: LastFailureDocument | null;
  /** Failures and refused clients by their reason; the reason that was met last comes first. */
  readonly failures: readonly FailureDocument[];
  readonly process: ProcessDocument;
  readonly open: OpenList;
  /** One sample per second, oldest first; as many as the query asked for. */
  readonly history: readonly SampleDocument[];
}

export interface RelaySummary {
  readonly name: string;
  readonly state: Phase;
  readonly ready: boolean;
  /** Why it is not ready; null if it is ready. */
  readonly not_ready_because: string | null;
  /** The source as bound; null before it is. */
  readonly source: string | null;
  readonly destination: string;
  /** Open connections. */
  readonly open: number;
  /** How many may be open at once. */
  readonly max: number;
  /** Connections accepted so far. */
  readonly total: number;
  /** Of those, the ones whose destination could not be reached. */
  readonly failed: number;
  /** Refused clients. */
  readonly refused: number;
  /** Bytes per second in the last sample. */
  readonly rate_up: number;
  readonly rate_down: number;
}

export interface AllDocument {
  readonly traffic: Traffic;
  /** The last failures of all relays; the one that was met last comes first. */
  readonly failures: readonly RelayFailureDocument[];
  /** As `history`. */
  readonly history: readonly SampleDocument[];
}

export interface ConnectionCounts {
  readonly open: number;
  /** How many may be open at once. */
  readonly max: number;
  /** Accepted so far. */
  readonly total: number;
  /** Of those, the ones that reached the destination. */
  readonly connected: number;
  /** Refused clients, per reason; they are not counted as accepted. */
  readonly refused: Readonly<Record<string, number>>;
  /** Connections whose destination could not be reached, per error code. */
  readonly failed: Readonly<Record<string, number>>;
  /** Closed connections, per ending. */
  readonly closed: Readonly<Record<string, number>>;
}

export interface Traffic {
  readonly bytes_up: number;
  readonly bytes_down: number;
  /** Bytes per second in the last sample. */
  readonly rate_up: number;
  readonly rate_down: number;
  /** Bytes that were read and not yet passed on. */
  readonly held_up: number;
  readonly held_down: number;
  /** How often reading paused because the other side was full. */
  readonly pauses_up: number;
  readonly pauses_down: number;
}

export interface LastFailureDocument {
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly code: string;
  readonly message: string;
}

export interface FailureDocument {
  /** `unreachable`: the destination was not reached. `refused`: the client may not connect. */
  readonly kind: FailureKind;
  /** The system's code, or the reason of the refusal. */
  readonly reason: string;
  readonly count: number;
  /** ISO 8601, UTC. */
  readonly first_at: string;
  readonly last_at: string;
  /** The last one in words. */
  readonly message: string;
}

export interface RelayFailureDocument extends FailureDocument {
  /** The relay's name. */
  readonly relay: string;
}

export interface ProcessDocument {
  /** Open connections of all relays. */
  readonly connections_open: number;
  /** How many may be open at once in all relays together; null if no such limit is set. */
  readonly connections_max: number | null;
  /** Bytes that all connections hold together, because a side has not taken them yet. */
  readonly held_bytes: number;
  /** How many they may hold; null if no such bound is known. */
  readonly held_bytes_max: number | null;
  /** Open connections that processes before a handover still carry. They are in no other count. */
  readonly earlier_connections: number;
  readonly cpu_seconds: number;
  readonly resident_memory_bytes: number;
  /** Null if the system does not tell. */
  readonly open_files: number | null;
  /** Null if there is no limit. */
  readonly open_files_max: number | null;
  /** The longest delay of the event loop in the last second. */
  readonly event_loop_delay_seconds: number;
}

/** Whose connections a status lists: those of the relay that it is about, or those of all. */
export const LISTED_RELAYS = ["relay", "all"] as const;
export type ListedRelays = (typeof LISTED_RELAYS)[number];

export interface OpenList {
  readonly of: ListedRelays;
  readonly sort: GroupSort;
  readonly limit: number;
  /** How many of the list come before the first one here. */
  readonly offset: number;
  /** How many open connections the query asks for: all, or those that `find` and `client` select. */
  readonly matching: number;
  /** Empty if the query asks for groups. */
  readonly list: readonly OpenDocument[];
  /** The clients, if the query asks for groups; else null. */
  readonly groups: GroupList | null;
}

export interface GroupList {
  /** How many clients there are. */
  readonly total: number;
  readonly list: readonly GroupDocument[];
}

/** The open connections of a client. */
export interface GroupDocument {
  /** An address without its port, or a Unix user. `?client=` takes it. */
  readonly client: string;
  /** How many connections. */
  readonly open: number;
  /** Of the oldest connection. */
  readonly age_seconds: number;
  readonly bytes_up: number;
  readonly bytes_down: number;
  readonly rate_up: number;
  readonly rate_down: number;
  readonly held_up: number;
  readonly held_down: number;
}

export interface OpenDocument extends ClientFields {
  /** The name of the connection's relay. */
  readonly relay: string;
  /** Unique within its relay, also across handovers. */
  readonly id: number;
  readonly state: ConnectionState;
  /** The address of the destination that was reached; empty before that. */
  readonly reached: string;
  readonly age_seconds: number;
  readonly bytes_up: number;
  readonly bytes_down: number;
  readonly rate_up: number;
  readonly rate_down: number;
  readonly held_up: number;
  readonly held_down: number;
}

export interface SampleDocument {
  /** The end of the second, in seconds since the start. */
  readonly at: number;
  /** Bytes per second. */
  readonly rate_up: number;
  readonly rate_down: number;
  readonly open: number;
  /** Connections per second. */
  readonly accepted: number;
  readonly failed: number;
  /** Refused clients per second. */
  readonly refused: number;
  /** Seconds from accepting a client to reaching the destination: the median; null without connects. */
  readonly connect_p50_seconds: number | null;
  /** The 99th percentile; null without connects. */
  readonly connect_p99_seconds: number | null;
  /** The longest delay of the event loop. */
  readonly event_loop_delay_seconds: number;
}
