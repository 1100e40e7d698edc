import type { SocketEndpoint } from "../../address/address.ts";
import type { SandboxNeeds } from "./sandbox-needs.ts";

/** A process that systemd runs, with one or more relays. */
export interface UnitPlan {
  /** The units' name, without `.service` and `.socket`; the name of a template ends in `@`. */
  readonly name: string;
  /**
   * The manager that runs the units: the system's manager, or a user's manager (`systemctl
   * --user`).
   */
  readonly manager: "system" | "user";
  /** The executable's absolute path, for which `isProgram` is true. */
  readonly program: string;
  /** The relays of the process: exactly one if `config` is absent, else one or more. */
  readonly relays: readonly UnitRelay[];
  /**
   * The configuration file of the relays: an absolute path. With a user's manager the path may
   * begin with `%h` or `%t`. Absent if the command line has the addresses of the only relay.
   */
  readonly config?: string;
  /** The address where the process serves its status to administrators. */
  readonly admin?: SocketEndpoint;
  /** The group of the admin socket's file, if `admin` is a path. */
  readonly adminGroup?: string;
  /** The address where the process serves metrics to anybody. */
  readonly metrics?: SocketEndpoint;
  /**
   * The options of the unit's command line, without `--config`, which is in `config`, and without
   * the options about the source's file, which are in `UnitRelay.file`.
   */
  readonly options: readonly string[];
  /**
   * True if systemd listens in place of the relay, in the host's own namespaces, and starts the
   * relay for the first client.
   */
  readonly socket: boolean;
  /** The service whose network namespace the relay joins. */
  readonly service?: string;
  /** True if `service` starts and stops with the relay. True only if `socket` is true. */
  readonly onDemand: boolean;
  /** The user that the relay runs as; absent for a dynamic user of systemd. */
  readonly user?: string;
  /** Further groups of that user, such as the group that may open the destination's socket. */
  readonly supplementaryGroups: readonly string[];
  /** The maximum number of open connections of all relays together, if options set a limit. */
  readonly connectionsMax?: number;
  /** The maximum number of descriptors that the servers of `--admin` and `--metrics` need. */
  readonly serverDescriptors: number;
  /** The number of threads that relay connections; 1 if absent. */
  readonly workers?: number;
  /** The drain timeout of the relays, in milliseconds. */
  readonly drainTimeout: number;
  /**
   * What the unit's sandbox must allow for relays that are not listed in `relays`, because they are
   * not known yet. Only the template unit of a package has such relays: each instance runs the
   * relays of its own configuration file, and these files are written after the unit.
   */
  readonly unlistedRelays?: SandboxNeeds;
}

/** One relay of a unit's process. */
export interface UnitRelay {
  /**
   * The relay's name in the configuration file. Absent if `UnitPlan.config` is absent. Also absent
   * in the template units of a package, because they are written before there is a configuration
   * file.
   */
  readonly name?: string;
  /**
   * The path of a Unix source is absolute; with a user's manager the path may begin with `%t` or
   * `%h`. A TCP source never has port 0. If `UnitPlan.socket` is true, the host of a TCP source is
   * empty or an IP address. In a template, `%i` is the instance, and a port may be `INSTANCE_PORT`.
   */
  readonly source: SocketEndpoint;
  readonly destination: SocketEndpoint;
  /** The permissions of a Unix source's file. */
  readonly file: FilePermissions;
  /** True if the relay may listen on an address that the machine does not have yet. */
  readonly freebind: boolean;
  readonly backlog?: number;
  /** True if the relay must know the users of its Unix clients, for access rules or for reports. */
  readonly seesUsers: boolean;
  /**
   * True if clients wait while the destination refuses connections, because the destination's
   * service may just be starting.
   */
  readonly waits: boolean;
}

/**
 * Permissions in the form of the command line: the mode in octal digits, owner and group as names
 * or numbers.
 */
export interface FilePermissions {
  readonly mode?: string;
  readonly owner?: string;
  readonly group?: string;
  /** The mode of the socket's folder, if systemd makes the folder. */
  readonly directoryMode?: string;
}
