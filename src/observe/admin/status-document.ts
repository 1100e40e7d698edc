import type { ConnectionState } from "../../relay/observer.ts";
import type { ClientFields } from "../figures/client-fields.ts";
import type { Sort } from "../figures/open-connections.ts";
import type { Phase } from "../figures/relay-statistics.ts";

// What `/status` answers; the page and the `status` command read it. A release may add names and
// never changes what one means. `up` is from the client to the destination, `down` the way back.

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
  /** Why it is not ready; null where it is. */
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
  /** A sample a second, oldest first, as many as were asked for. */
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
  /** Turned away by the rules of who may connect; not among the accepted. */
  readonly refused: Readonly<Record<string, number>>;
  /** Destination not reached, by the system's code. */
  readonly failed: Readonly<Record<string, number>>;
  /** Over, by how they ended. */
  readonly closed: Readonly<Record<string, number>>;
}

export interface Traffic {
  readonly bytes_up: number;
  readonly bytes_down: number;
  /** Bytes a second in the last sample. */
  readonly rate_up: number;
  readonly rate_down: number;
  /** Bytes read and not yet taken by the other side. */
  readonly held_up: number;
  readonly held_down: number;
  /** How often reading paused because the other side took no more. */
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
  /** Null where the system does not say. */
  readonly open_files: number | null;
  /** Null where there is no limit. */
  readonly open_files_max: number | null;
  /** The longest that the event loop was late in the last sample. */
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
  /** Bytes a second. */
  readonly rate_up: number;
  readonly rate_down: number;
  readonly open: number;
  /** Connections a second. */
  readonly accepted: number;
  readonly failed: number;
}
