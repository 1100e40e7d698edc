import type { SocketEndpoint } from "../../address/address.ts";

/** A process that systemd runs, with one or more relays. */
export interface UnitPlan {
  /** The units' name, without `.service` and `.socket`; a template's ends in `@`. */
  readonly name: string;
  /** Whose manager runs it: the system's, or that of a user (`systemctl --user`). */
  readonly manager: "system" | "user";
  /** The executable's absolute path, of which `isProgram` holds. */
  readonly program: string;
  /** At least one; without `config` exactly one. */
  readonly relays: readonly UnitRelay[];
  /**
   * The configuration file of the relays: an absolute path, or with a user's manager one that begins
   * with `%h` or `%t`. Absent if the command line has the one relay's addresses.
   */
  readonly config?: string;
  /** Where the relay listens besides, for whoever asks how it is. */
  readonly admin?: SocketEndpoint;
  /** Who gets the file of `admin`, if it is a path. */
  readonly adminGroup?: string;
  /** Where the relay serves metrics to anybody. */
  readonly metrics?: SocketEndpoint;
  /** The options on the command line, but for `config` and those of a relay's `file`. */
  readonly options: readonly string[];
  /** systemd listens, outside of all namespaces, and starts the relay for the first client. */
  readonly socket: boolean;
  /** The service whose network namespace the relay joins. */
  readonly service?: string;
  /** That service stops when the relay does, and starts with it. Needs `socket`. */
  readonly onDemand: boolean;
  /** The user that the relay runs as; without, one that systemd makes up for it. */
  readonly user?: string;
  /** Further groups of that user, as those of a socket that only a group may open. */
  readonly supplementaryGroups: readonly string[];
  /** The sum of the limits of all relays that have one. */
  readonly connectionsMax?: number;
  /** Threads that relay; 1 where absent. */
  readonly workers?: number;
  /** Milliseconds. */
  readonly drainTimeout: number;
}

/** One relay of a unit's process. */
export interface UnitRelay {
  /** Its name in the configuration file; absent where there is none. */
  readonly name?: string;
  /**
   * Absolute where it is a path, but for `%t` and `%h` at its beginning with a user's manager; with
   * `socket` an IP address where it is TCP, and no port 0. In a template `%i` is the instance, and a
   * port may be `INSTANCE_PORT`.
   */
  readonly source: SocketEndpoint;
  readonly destination: SocketEndpoint;
  /** The permissions of a Unix source's file. */
  readonly file: FilePermissions;
  /** The source's address need not be there yet. */
  readonly freebind: boolean;
  readonly backlog?: number;
  /** Clients of a Unix source are judged by their users, or somebody is told of those. */
  readonly seesUsers: boolean;
  /** Clients wait while the destination refuses connections: its service may just be starting. */
  readonly waits: boolean;
}

/** As on the command line: `0660`, and names or numbers. */
export interface FilePermissions {
  readonly mode?: string;
  readonly owner?: string;
  readonly group?: string;
  /** Of the folder, where systemd makes it. */
  readonly directoryMode?: string;
}
