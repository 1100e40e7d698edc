import type { SocketEndpoint } from "../address/address.ts";
import type { AccessRules } from "./access.ts";
import type { Source } from "./listen/source.ts";
import type { Observer } from "./observer.ts";
import type { ProxyVersion } from "./proxy-protocol.ts";

/** What a relay takes. Times are in milliseconds. */
export interface RelayOptions extends AccessRules {
  /** Where clients connect. */
  readonly source: Source;
  /** Where each connection is carried to. */
  readonly destination: SocketEndpoint;
  /** Permissions of a Unix source's file, as `0o660`. Default: what the umask leaves. */
  readonly mode?: number | undefined;
  /** User id that owns a Unix source's file. Default: this process's. */
  readonly owner?: number | undefined;
  /** Group id of a Unix source's file. Default: this process's. */
  readonly group?: number | undefined;
  /**
   * Mode of the folders of a Unix source that are missing, as `0o755`, whatever the umask; they belong
   * to this process's user and stay when the relay stops. Default: a missing folder is an error.
   */
  readonly directoryMode?: number | undefined;
  /**
   * Listens on a TCP address that the machine does not have yet, as that of a VPN. Default: false.
   * Needs FFI.
   */
  readonly freebind?: boolean | undefined;
  /**
   * The kernel's queue of clients not accepted yet. Default 4,096; of an inherited socket the most
   * that the system allows, so that what it was given is never lowered.
   */
  readonly backlog?: number | undefined;
  /**
   * Open connections at once; further clients wait in the kernel's queue. Default: as many as the
   * limit of open files can carry.
   */
  readonly connectionsMax?: number | undefined;
  /**
   * Open connections at once of one client: an IPv4 address, an IPv6 network of 64 bits, a Unix user.
   * Further ones are refused. Default: no limit of its own.
   */
  readonly connectionsMaxPerClient?: number | undefined;
  /**
   * Refuses a TCP client whose address cannot be told any more, before anything else is done for it.
   * Access rules, `proxyProtocol` and `connectionsMaxPerClient` do so in any case. Default: false.
   */
  readonly identifyClients?: boolean | undefined;
  /**
   * How long a destination that refuses or is absent is tried again while the client waits.
   * Default 0: not at all.
   */
  readonly connectRetry?: number | undefined;
  /** A connection on which nothing moves either way for this long is ended. Default: never. */
  readonly idleTimeout?: number | undefined;
  /**
   * A half-closed connection on which nothing moves for this long is ended: one end has ended its
   * stream and the other has not. Default: never.
   */
  readonly halfCloseTimeout?: number | undefined;
  /** How long reaching the destination may take. Default 5,000. */
  readonly connectTimeout?: number | undefined;
  /**
   * Idle time before TCP keepalive probes. A peer that answers neither these nor bytes that were sent
   * to it is gone after about twice this time, and its connection ends. 0 sends none, and waits for
   * as long as the kernel does. Default 60,000.
   */
  readonly keepalive?: number | undefined;
  /** How long `stop()` waits for open connections. Default 8,000. */
  readonly drainTimeout?: number | undefined;
  /**
   * Tells the destination who the client is, by a header of the PROXY protocol before the client's
   * first byte. A destination that does not expect one takes it for the client's. Default: none.
   */
  readonly proxyProtocol?: ProxyVersion | undefined;
  /**
   * How long a side whose peer is gone, and that has got everything, may take to end by itself before
   * it is closed. Default 10,000: nginx's `lingering_close` allows 5 to 30 seconds.
   */
  readonly lingerTimeout?: number | undefined;
  /**
   * Whether bulk is moved by system calls of the relay's own where they are to be had, rather than by
   * the runtime's reads. Default: true. To compare the two, and to see that they do the same.
   */
  readonly fastPath?: boolean | undefined;
  /** Sees what happens. */
  readonly observer?: Partial<Observer> | undefined;
}

/** The values of options that were not given; times in milliseconds. */
export const DEFAULTS = {
  backlog: 4_096,
  connectRetry: 0,
  connectTimeout: 5_000,
  keepalive: 60_000,
  lingerTimeout: 10_000,
  // Container runtimes kill 10 s after they asked.
  drainTimeout: 8_000,
  stillTimeout: 2_000,
} as const;
