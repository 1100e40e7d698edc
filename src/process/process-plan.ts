import type { Endpoint, SocketEndpoint } from "../address/address.ts";
import type { LogFormat, LogLevel } from "../observe/log/log.ts";
import type { RelayOptions } from "../relay/options.ts";
import type { Workers } from "../workers/worker-count.ts";

/** What one process does: the relays that it runs, and what they share. */
export interface ProcessPlan {
  readonly processWide: ProcessWide;
  /** At least one. No two have one name or one source. */
  readonly relays: readonly RelayPlan[];
}

/** What concerns the whole process. Times are in milliseconds. */
export interface ProcessWide {
  readonly workers: Workers;
  /** The most open connections of all relays together; only the relays' own limits if undefined. */
  readonly connectionsMax: number | undefined;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  readonly accessLog: boolean;
  /** Where the admin server listens; there is none where undefined. */
  readonly admin: SocketEndpoint | undefined;
  /** Mode and group id of the file, if `admin` is a path; 0660 and this process's where undefined. */
  readonly adminMode: number | undefined;
  readonly adminGroup: number | undefined;
  /** Where metrics and health are served to anybody; nowhere where undefined. */
  readonly metrics: SocketEndpoint | undefined;
  /** The process does not start where its network namespace is anybody else's. */
  readonly requirePrivateNetwork: boolean;
  readonly drainTimeout: number;
  /** The process ends after this long without a connection; never where undefined. */
  readonly exitIdleTime: number | undefined;
}

/** One relay of a process. */
export interface RelayPlan {
  /** Its name in logs, metrics and status. */
  readonly name: string;
  readonly source: Endpoint;
  readonly destination: SocketEndpoint;
  readonly settings: RelaySettings;
  /** The options that apply to it, as on a command line, for the status. */
  readonly shownOptions: Readonly<Record<string, string>>;
}

/** The options of a relay that are not its own: the process gives them to each. */
type SharedOption =
  | "source"
  | "destination"
  | "observer"
  | "drainTimeout"
  | "fastPath"
  | "lingerTimeout"
  | "identifyClients";

/**
 * Every option that a person can give to one relay. All names must be there, so
 * that an option that is added or renamed and forgotten elsewhere does not compile.
 */
export type RelaySettings = {
  readonly [Name in Exclude<keyof RelayOptions, SharedOption>]-?: RelayOptions[Name] | undefined;
};
