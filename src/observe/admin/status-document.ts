import type { ConnectionState } from "../../relay/observer.ts";
import type { ClientFields } from "../figures/client-fields.ts";
import type { Sort } from "../figures/open-connections.ts";
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
  readonly process: ProcessDocument;
  readonly open: OpenList;
  /** One sample per second, oldest first; as many as the query asked for. */
  readonly history: readonly SampleDocument[];
}

export interface RelaySummary {
  readonly name: string;
  readonly ready: boolean;
  /** Open connections. */
  readonly open: number;
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

export interface ProcessDocument {
  readonly cpu_seconds: number;
  readonly resident_memory_bytes: number;
  /** Null if the system does not tell. */
  readonly open_files: number | null;
  /** Null if there is no limit. */
  readonly open_files_max: number | null;
  /** The longest delay of the event loop in the last second. */
  readonly event_loop_delay_seconds: number;
}

export interface OpenList {
  readonly sort: Sort;
  readonly limit: number;
  readonly list: readonly OpenDocument[];
}

export interface OpenDocument extends ClientFields {
  readonly id: number;
  readonly state: ConnectionState;
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
}
