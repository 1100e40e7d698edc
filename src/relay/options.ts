import type { SocketEndpoint } from "../address/address.ts";
import type { Cidr } from "../address/cidr.ts";
import type { AccessRules } from "./admission/allow-and-deny-rules.ts";
import type { ConnectedSource, Source } from "./kinds-of-source.ts";
import type { Observer } from "./observer.ts";

/**
 * The versions of the PROXY headers that a relay can send: `v1` is a line of text; `v2` is binary
 * and can describe Unix clients. HAProxy refuses a v2 header for a Unix client, because HAProxy
 * parses the first bytes of that header as a TLV (3.5-dev5, src/connection.c).
 */
export const PROXY_VERSIONS = ["v1", "v2"] as const;
export type ProxyVersion = (typeof PROXY_VERSIONS)[number];

/** The options of a relay. Times are in milliseconds. */
export interface RelayOptions extends AccessRules {
  /** The address where clients connect. */
  readonly source: Source;
  /** The address to which the relay connects for each client. */
  readonly destination: SocketEndpoint;
  /**
   * Permissions of a Unix source's file, such as `0o660`. Default: 0o777 without the umask's bits.
   */
  readonly mode?: number | undefined;
  /** The user id of the owner of a Unix source's file. Default: the user of this process. */
  readonly owner?: number | undefined;
  /**
   * The group id of a Unix source's file. Default: the group of this process; but if the folder
   * passes on its own group (mode 2000, inode(7)) and belongs to root or to this process's user,
   * the group of the folder.
   */
  readonly group?: number | undefined;
  /**
   * Creates the missing folders of a Unix source with this mode, such as `0o755`; the umask has no
   * effect. The folders belong to this process's user and stay when the relay stops. Default: a
   * missing folder is an error.
   */
  readonly directoryMode?: number | undefined;
  /**
   * Whether the relay may listen on a TCP address that the machine does not have yet, such as the
   * address of a VPN. Default: false. Needs FFI.
   */
  readonly freebind?: boolean | undefined;
  /**
   * The maximum number of clients that wait in the kernel's queue until the relay accepts them.
   * Default 4,096. For an inherited socket the default is the system's maximum, so that the relay
   * never shortens the socket's queue.
   */
  readonly backlog?: number | undefined;
  /**
   * The maximum number of open connections; further clients wait in the kernel's queue. Default:
   * the number that the limit of open files allows.
   */
  readonly connectionsMax?: number | undefined;
  /**
   * The maximum number of open connections of one client: an IPv4 address, an IPv6 /64 network, or
   * a Unix user. Further connections are refused. Default: no limit per client.
   */
  readonly connectionsMaxPerClient?: number | undefined;
  /**
   * Refuses a TCP client whose address is unknown because the client has already reset the
   * connection. With `allow`, `deny`, `acceptProxy`, `proxyProtocol` or `connectionsMaxPerClient`,
   * the relay refuses such a client in any case. Default: false.
   */
  readonly identifyClients?: boolean | undefined;
  /**
   * The time for which the relay tries again to reach a destination that refuses, does not answer
   * or does not exist yet (for example, its socket file or its name is missing). The client waits
   * meanwhile. Default 0: only one try.
   */
  readonly connectRetry?: number | undefined;
  /**
   * Ends a connection on which no byte moves in either direction for this time. The time begins
   * when the destination was reached. Default: never.
   */
  readonly idleTimeout?: number | undefined;
  /**
   * Ends a half-closed connection (only one side has ended its stream) on which no byte moves for
   * this time. Default: never.
   */
  readonly halfCloseTimeout?: number | undefined;
  /** Time limit for reaching the destination. Default 5,000. */
  readonly connectTimeout?: number | undefined;
  /**
   * The idle time after which the kernel sends TCP keepalive probes. If a peer acknowledges neither
   * probes nor data, its connection ends after about twice this time, and at the earliest 6
   * seconds after it. With 0 the kernel sends no probes, and only the kernel's own limits apply.
   * Default 60,000.
   */
  readonly keepalive?: number | undefined;
  /** The time for which `stop()` waits until the open connections have ended. Default 8,000. */
  readonly drainTimeout?: number | undefined;
  /**
   * Listens in another network namespace: a name of ip-netns(8), or a path such as
   * `/proc/PID/ns/net`. For a TCP or abstract source. Needs FFI and CAP_SYS_ADMIN. Default: this
   * process's namespace.
   */
  readonly sourceNetns?: string | undefined;
  /**
   * Connects from another network namespace, and resolves the destination's name there. Otherwise
   * like `sourceNetns`. The namespace may be created after the start of the relay, and may be
   * replaced by a new namespace of the same name.
   */
  readonly destinationNetns?: string | undefined;
  /**
   * Records all connections in a file at this path, in the format pcapng, as TCP conversations. The
   * file contains all bytes, also passwords and other secrets, so only this process's user can read
   * the file. An earlier capture at the path gets the suffix `.1`, or a higher number if a process
   * still writes the file `.1`. A failure, such as a full disk, ends the capture and nothing else.
   * Default: no capture.
   */
  readonly capture?: string | undefined;
  /**
   * The maximum number of bytes of each packet in the capture, including the 40 bytes of headers.
   * Default: the whole packet.
   */
  readonly captureBytes?: number | undefined;
  /**
   * The maximum size of the capture file, in bytes, at least 128 KiB. The full file gets the
   * suffix `.1` and replaces the earlier file with that suffix, so the last two files are kept.
   * Default: one file without a limit.
   */
  readonly captureMax?: number | undefined;
  /**
   * Sends a PROXY protocol header with the client's address to the destination, before the client's
   * first byte. A destination that expects no header reads the header as data of the client.
   * Default: none.
   */
  readonly proxyProtocol?: ProxyVersion | undefined;
  /**
   * Expects a PROXY protocol header (v1 or v2) before each client's first byte, from a proxy in
   * front of the relay. The relay uses the address in the header as the client's address
   * everywhere: for `allow` and `deny`, limits, the observer and `proxyProtocol`. If a header has
   * no address (v1 `UNKNOWN`, v2 `LOCAL` or a Unix client), the proxy itself counts as the client.
   * A connection whose header is missing, malformed, longer than 4,096 bytes or not complete within
   * 3 s is reset and counts as refused. Default: false.
   */
  readonly acceptProxy?: boolean | undefined;
  /**
   * The proxies that may connect to a TCP source: required with `acceptProxy`, because any other
   * client could claim any address. At a Unix source the file's permissions, `allowUsers` and
   * `allowGroups` decide.
   */
  readonly acceptProxyFrom?: readonly Cidr[] | undefined;
  /**
   * The time that the relay gives the second side of a connection to close by itself, after the
   * first side has closed and the second side has received everything. After this time the relay
   * closes the second side. Default 10,000, which is between the two limits of nginx's
   * `lingering_close`: 5 s (`lingering_timeout`) and 30 s (`lingering_time`).
   */
  readonly lingerTimeout?: number | undefined;
  /**
   * Whether the relay reads large transfers by its own system calls (needs FFI) instead of the
   * runtime's reads. Default: true. Use `false` to compare the two ways, or to test that both
   * behave alike.
   */
  readonly fastPath?: boolean | undefined;
  /** Receives the relay's events. */
  readonly observer?: Partial<Observer> | undefined;
}

/** The options of a relay for one client that is connected already. */
export interface OneClientOptions extends Omit<RelayOptions, "source"> {
  readonly source: ConnectedSource;
}

/** The default values of options; times in milliseconds. */
export const DEFAULTS = {
  backlog: 4_096,
  connectRetry: 0,
  connectTimeout: 5_000,
  keepalive: 60_000,
  lingerTimeout: 10_000,
  // This is less than 10 s, because container runtimes send SIGKILL 10 s after SIGTERM.
  drainTimeout: 8_000,
  standstillTimeout: 2_000,
} as const;
