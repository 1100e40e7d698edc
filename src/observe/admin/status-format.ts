import type { ConnectionState } from "../../relay/observer.ts";
import type { ClientFields } from "../figures/client-name-and-fields.ts";
import type { GroupSort } from "../figures/open-connections.ts";
import type { FailureKind } from "../figures/recent-failures.ts";
import type { Phase } from "../figures/relay-statistics.ts";

// The answer of `/status`, which the page and the `status` command read. A later release may add
// fields, but the meaning of a field never changes. `up` is the direction from the client to the
// destination, `down` the opposite direction.

export interface StatusDocument {
  readonly program: string;
  readonly version: string;
  readonly pid: number;
  /** The name of the relay that this document is about. */
  readonly relay: string;
  /** All relays of the process. */
  readonly relays: readonly RelaySummary[];
  /** The sums of all relays; null if there is only one relay. */
  readonly all: AllDocument | null;
  readonly state: Phase;
  readonly ready: boolean;
  /** The reason why the relay is not ready; null exactly if the relay is ready. */
  readonly not_ready_because: string | null;
  /** The time at which the relay started, in ISO 8601, UTC. */
  readonly started_at: string;
  readonly uptime_seconds: number;
  /** The address on which the relay listens; null before the relay listens. */
  readonly source: string | null;
  readonly destination: string;
  /**
   * The relay's options as on a command line, for example `{"drain-timeout": "10s"}`: the values
   * that the user gave, and the defaults of the other options. An option without a value and
   * without a default is left out.
   */
  readonly options: Readonly<Record<string, string>>;
  readonly connections: ConnectionCounts;
  readonly traffic: Traffic;
  /**
   * The number of times that the relay stopped accepting clients because a limit was reached: a
   * limit of open connections, the limit of held bytes (`held_bytes_max`), or the limit of open
   * files. If several limits are reached at once, the pause counts once. With workers, a pause
   * counts only if all workers pause.
   */
  readonly accept_pauses: number;
  /**
   * The reasons for which the relay accepts no clients now; empty if it accepts clients. A relay
   * with workers accepts clients as long as one of its workers does. `connections_max`: the relay's
   * limit of open connections. `process_connections_max`: the limit of open connections of all
   * relays. `memory_max`: the limit of held bytes. `open_files`: no descriptor is left, or as many
   * connections are open as the limit of open files allows.
   */
  readonly accepting_paused: readonly string[];
  readonly log_lines_dropped: number;
  /** The number of unexpected errors. */
  readonly faults: number;
  /**
   * The reason why the capture (option `--capture`) has ended before the relay; null if the capture
   * is still running, or if the relay has no capture.
   */
  readonly capture_ended: string | null;
  readonly last_failure: LastFailureDocument | null;
  /**
   * The failures and refused clients, one entry for each reason; the entry with the latest event
   * comes first.
   */
  readonly failures: readonly FailureDocument[];
  readonly process: ProcessDocument;
  readonly open: OpenList;
  /**
   * The latest samples, one per second, oldest first: as many as the query's `history`, or fewer if
   * the relay has not run for so long.
   */
  readonly history: readonly SampleDocument[];
}

export interface RelaySummary {
  readonly name: string;
  readonly state: Phase;
  readonly ready: boolean;
  /** The reason why the relay is not ready; null exactly if the relay is ready. */
  readonly not_ready_because: string | null;
  /** The address on which the relay listens; null before the relay listens. */
  readonly source: string | null;
  readonly destination: string;
  /** The number of open connections. */
  readonly open: number;
  /**
   * The number of accepted clients that are proxies and have not sent their whole PROXY header.
   * They are not counted in `open`, but they count towards the limit `max`.
   */
  readonly waiting_for_header: number;
  /** The maximum number of open connections. */
  readonly max: number;
  /** The number of connections accepted so far. */
  readonly total: number;
  /** The number of accepted connections that could not reach the destination. */
  readonly failed: number;
  /** The number of refused clients. */
  readonly refused: number;
  /** Bytes per second from clients in the latest sample. */
  readonly rate_up: number;
  /** Bytes per second from the destination in the latest sample. */
  readonly rate_down: number;
  /** See `accepting_paused` of `StatusDocument`. */
  readonly accepting_paused: readonly string[];
  /**
   * The reason why the capture (option `--capture`) has ended before the relay; null if the capture
   * is still running, or if the relay has no capture.
   */
  readonly capture_ended: string | null;
}

export interface AllDocument {
  readonly traffic: Traffic;
  /**
   * The failures and refused clients of all relays, one entry for each relay and reason; the entry
   * with the latest event comes first. There are at most `FAILURES_MOST` entries
   * (build-status.ts).
   */
  readonly failures: readonly RelayFailureDocument[];
  /** The samples of all relays together, in the same form as `history` of `StatusDocument`. */
  readonly history: readonly SampleDocument[];
}

export interface ConnectionCounts {
  readonly open: number;
  /**
   * The number of accepted clients that are proxies and have not sent their whole PROXY header.
   * They are not counted in `open`, but they count towards the limit `max`.
   */
  readonly waiting_for_header: number;
  /** The maximum number of open connections. */
  readonly max: number;
  /** The number of connections accepted so far. */
  readonly total: number;
  /** The number of accepted connections that reached the destination. */
  readonly connected: number;
  /** The number of refused clients for each reason. Refused clients are not counted as accepted. */
  readonly refused: Readonly<Record<string, number>>;
  /** The number of connections that could not reach the destination, for each error code. */
  readonly failed: Readonly<Record<string, number>>;
  /** The number of closed connections for each way in which a connection can end. */
  readonly closed: Readonly<Record<string, number>>;
}

/** The bytes of a relay, a client or a connection: `up` from the client, `down` to the client. */
interface BytesDocument {
  readonly bytes_up: number;
  readonly bytes_down: number;
  /** Bytes per second from clients in the latest sample. */
  readonly rate_up: number;
  /** Bytes per second from the destination in the latest sample. */
  readonly rate_down: number;
  /** The number of bytes read from clients that the destination has not taken yet. */
  readonly held_up: number;
  /** The number of bytes read from the destination that clients have not taken yet. */
  readonly held_down: number;
}

export interface Traffic extends BytesDocument {
  /**
   * The number of times that the relay paused reading from a client, because the destination took
   * no more bytes.
   */
  readonly pauses_up: number;
  /**
   * The number of times that the relay paused reading from the destination, because the client took
   * no more bytes.
   */
  readonly pauses_down: number;
}

export interface LastFailureDocument {
  /** The time of the failure, in ISO 8601, UTC. */
  readonly at: string;
  readonly code: string;
  readonly message: string;
}

export interface FailureDocument {
  /**
   * `unreachable`: the relay could not reach the destination. `refused`: the relay refused the
   * client.
   */
  readonly kind: FailureKind;
  /** The system's error code, or the reason of the refusal. */
  readonly reason: string;
  readonly count: number;
  /** The time of the first failure, in ISO 8601, UTC. */
  readonly first_at: string;
  /** The time of the last failure, in ISO 8601, UTC. */
  readonly last_at: string;
  /** The last failure or refusal in words. */
  readonly message: string;
}

export interface RelayFailureDocument extends FailureDocument {
  /** The relay's name. */
  readonly relay: string;
}

export interface ProcessDocument {
  /** The number of open connections of all relays. */
  readonly connections_open: number;
  /**
   * The maximum number of open connections of all relays together; null if no such limit is set.
   */
  readonly connections_max: number | null;
  /**
   * The number of bytes that all connections hold together, because a side has not taken these
   * bytes yet.
   */
  readonly held_bytes: number;
  /**
   * The maximum number of bytes that all connections may hold together; null in a program that uses
   * the library and does not pass this limit to its `Observation`.
   */
  readonly held_bytes_max: number | null;
  /**
   * The number of connections that are still open in earlier processes, which handed over their
   * listening sockets to this process or to its predecessors. No other figure includes these
   * connections.
   */
  readonly earlier_connections: number;
  /**
   * The number of threads that carry connections now. It can be less than the option `workers` asks
   * for: the limits of connections or of open files may allow fewer, and a worker that ended is
   * missing until another one has taken its place. Null in a program that uses the library and does
   * not pass this number to its `Observation`.
   */
  readonly workers: number | null;
  readonly cpu_seconds: number;
  readonly resident_memory_bytes: number;
  /** The number of open descriptors; null if the system does not report it. */
  readonly open_files: number | null;
  /** The limit of open descriptors; null if there is no limit. */
  readonly open_files_max: number | null;
  /** The longest delay of the event loop in the last second. */
  readonly event_loop_delay_seconds: number;
}

/**
 * Whose connections a status lists: those of the relay that the status is about (`relay`), or those
 * of all relays (`all`).
 */
export const LISTED_RELAYS = ["relay", "all"] as const;
export type ListedRelays = (typeof LISTED_RELAYS)[number];

export interface OpenList {
  readonly of: ListedRelays;
  readonly sort: GroupSort;
  readonly limit: number;
  /**
   * The number of connections that come before the first one in this list; if the query asks for
   * groups, the number of clients.
   */
  readonly offset: number;
  /**
   * The number of open connections that match the query: all connections, or the connections that
   * `find` and `client` select. `limit` and `offset` do not change this number.
   */
  readonly matching: number;
  /** The open connections in this part of the list; empty if the query asks for groups. */
  readonly list: readonly OpenDocument[];
  /** The clients, if the query asks for groups; else null. */
  readonly groups: GroupList | null;
}

export interface GroupList {
  /** The number of clients, including the clients that are not in this list. */
  readonly total: number;
  readonly list: readonly GroupDocument[];
}

/** The open connections of a client. */
export interface GroupDocument extends BytesDocument {
  /** An address without its port, or a Unix user. The query `?client=` accepts this text. */
  readonly client: string;
  /** The number of the client's connections. */
  readonly open: number;
  /** The age of the client's oldest connection. */
  readonly age_seconds: number;
}

export interface OpenDocument extends ClientFields, BytesDocument {
  /** The name of the connection's relay. */
  readonly relay: string;
  /** The connection's id, unique within its relay, also across handovers. */
  readonly id: number;
  readonly state: ConnectionState;
  /** The address of the destination that was reached; empty before the destination is reached. */
  readonly reached: string;
  readonly age_seconds: number;
}

export interface SampleDocument {
  /**
   * The end of the second that this sample covers, in seconds since the start of the relay. In the
   * samples of `all`, the time counts from the moment when the process created its `Observation`.
   */
  readonly at: number;
  /** Bytes per second from clients. */
  readonly rate_up: number;
  /** Bytes per second from the destination. */
  readonly rate_down: number;
  readonly open: number;
  /** Accepted connections per second. */
  readonly accepted: number;
  /** Connections per second that could not reach the destination. */
  readonly failed: number;
  /** Refused clients per second. */
  readonly refused: number;
  /**
   * The median time from the accept of a client to the connect to the destination, in seconds; null
   * if no connection reached the destination in this second.
   */
  readonly connect_p50_seconds: number | null;
  /**
   * The 99th percentile of the connect times in this second, in seconds; null if no connection
   * reached the destination in this second.
   */
  readonly connect_p99_seconds: number | null;
  /** The longest delay of the event loop in this second. */
  readonly event_loop_delay_seconds: number;
}
