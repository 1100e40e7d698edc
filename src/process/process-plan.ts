import type { Endpoint, SocketEndpoint } from "../address/address.ts";
import type { LogFormat, LogLevel } from "../observe/log/log.ts";
import type { RelayOptions } from "../relay/options.ts";
import type { Workers } from "../workers/worker-count.ts";

/** The plan of one process: its relays, and the options that the relays share. */
export interface ProcessPlan {
  readonly processWide: ProcessWide;
  /** At least one relay. No two relays have the same name or the same source. */
  readonly relays: readonly RelayPlan[];
}

/** The options of the whole process. Times are in milliseconds. */
export interface ProcessWide {
  readonly workers: Workers;
  /**
   * The maximum number of open connections of all relays together; undefined if only the relays'
   * own limits apply.
   */
  readonly connectionsMax: number | undefined;
  /**
   * The maximum number of bytes that all connections together hold in memory; undefined for the
   * default of `boundOfThreads`.
   */
  readonly memoryMax: number | undefined;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  readonly accessLog: boolean;
  /** The address of the admin server; undefined for no such server. */
  readonly admin: SocketEndpoint | undefined;
  /** The permissions of the admin socket's file, if `admin` is a path; undefined for mode 0660. */
  readonly adminMode: number | undefined;
  /** The group id of the admin socket's file; undefined for this process's group. */
  readonly adminGroup: number | undefined;
  /**
   * The address of the metrics server, which answers every client; undefined for no such server.
   */
  readonly metrics: SocketEndpoint | undefined;
  /**
   * Whether the process refuses to start if its network namespace is not private (`whyNotPrivate`).
   */
  readonly requirePrivateNetwork: boolean;
  readonly drainTimeout: number;
  /**
   * The time without any connection after which the process ends; undefined if the process never
   * ends because it is idle.
   */
  readonly exitIdleTime: number | undefined;
}

/** One relay of a process. */
export interface RelayPlan {
  /** The relay's name in logs, metrics and status. */
  readonly name: string;
  readonly source: Endpoint;
  readonly destination: SocketEndpoint;
  readonly settings: RelaySettings;
  /**
   * The options that apply to the relay, as the status shows them: each option's name on the
   * command line, with its value as text.
   */
  readonly shownOptions: Readonly<Record<string, string>>;
}

/**
 * The relay options that are not in `RelaySettings`, because the process sets them itself or leaves
 * them at their defaults.
 */
type SharedOption =
  | "source"
  | "destination"
  | "observer"
  | "drainTimeout"
  | "fastPath"
  | "lingerTimeout"
  | "identifyClients";

/**
 * The options of one relay that a user can set. Each option must be present, with the value
 * undefined if the user has not set the option. So the compiler reports code that forgets an option
 * that was added or renamed.
 */
export type RelaySettings = {
  readonly [Name in Exclude<keyof RelayOptions, SharedOption>]-?: RelayOptions[Name] | undefined;
};
