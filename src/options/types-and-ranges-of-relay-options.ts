import type { Endpoint } from "../address/address.ts";
import { groupId, userId } from "../os/user-ids.ts";
import { PROXY_VERSIONS } from "../relay/options.ts";
import type { RelayOptions } from "../relay/options.ts";
import type { Workers } from "../workers/worker-count.ts";
import { account, cidr, file, mode, netns } from "./system-value-types.ts";
import {
  choice,
  count,
  countOr,
  type LibraryType,
  list,
  size,
  time,
  yesOrNo,
} from "./value-types.ts";

/** The names of the options in `RelayOptions`, without the addresses and the observer. */
type Checked = Exclude<keyof RelayOptions, "source" | "destination" | "observer">;

/** The functions that read and check an option's value, and the schema of the value. */
type Constraint<Value> = Pick<LibraryType<NonNullable<Value>>, "read" | "take" | "schema"> & {
  /**
   * The kinds of source for which the option makes sense; absent if it makes sense for all kinds.
   */
  readonly sources?: readonly Endpoint["kind"][];
};

const TCP: readonly Endpoint["kind"][] = ["tcp"];
const FILE: readonly Endpoint["kind"][] = ["unix"];
// The kinds of source whose clients may have IP addresses. Inherited sockets (`systemd`, `fd`) are
// included, because their type is known only when the relay starts.
const ADDRESSES: readonly Endpoint["kind"][] = ["tcp", "systemd", "fd"];
// The kinds of source whose address belongs to a network namespace. A Unix socket's path is not
// included, because it leads to the same socket in all network namespaces. Inherited sockets are
// not included, because they are bound already.
const NETWORKS: readonly Endpoint["kind"][] = ["tcp", "abstract"];
const ACCOUNTS: readonly Endpoint["kind"][] = ["unix", "abstract", "systemd", "fd"];

// The maximum number of workers. No machine has more processors (CONFIG_NR_CPUS of Linux), and each
// worker costs memory and descriptors.
const WORKERS_MOST = 8_192;

// The smallest limit for the size of a capture file, in bytes. A file of this size has room for the
// file's header and one packet of the maximum size (65,535 bytes) with its comment.
const CAPTURE_LEAST = 128 * 1024;

/**
 * The smallest value of the option `memoryMax`, in bytes. One direction of a connection may hold 1
 * MiB in memory. With a smaller value, a few slow connections would use up the whole limit. All
 * other connections would become slow, and new clients would wait.
 */
const MEMORY_LEAST = 4 * 1024 * 1024;

/**
 * The type of the option `memoryMax`: the maximum number of bytes that all connections together
 * hold in memory.
 */
export const MEMORY_MAX: LibraryType<number> = size(MEMORY_LEAST);

/** The type of the option `workers`: the number of threads that carry connections, or `auto`. */
export const WORKERS: LibraryType<Workers> = countOr("auto", 1, WORKERS_MOST);

/**
 * The only table that says which values each option of a relay accepts, for the command line, the
 * configuration file and the library. The code does not compile if an option is missing here.
 */
export const RELAY_OPTIONS = {
  mode: { ...mode(), sources: FILE },
  owner: { ...account("user", userId), sources: FILE },
  group: { ...account("group", groupId), sources: FILE },
  directoryMode: { ...mode(), sources: FILE },
  freebind: { ...yesOrNo(), sources: TCP },
  backlog: count("N", 0),
  connectionsMax: count("N", 1),
  connectionsMaxPerClient: count("N", 1),
  identifyClients: yesOrNo(),
  connectTimeout: time({ least: 1 }),
  connectRetry: time({ least: 0 }),
  // In the kernel this time is TCP_KEEPIDLE: whole seconds, at most 32767 (tcp(7)).
  keepalive: time({ least: 1_000, most: 32_767_000, zero: true }),
  idleTimeout: time({ least: 1, never: true }),
  halfCloseTimeout: time({ least: 1, never: true }),
  lingerTimeout: time({ least: 1 }),
  drainTimeout: time({ least: 0 }),
  allow: { ...list(cidr()), sources: ADDRESSES },
  deny: { ...list(cidr()), sources: ADDRESSES },
  allowUsers: { ...list(account("user", userId)), sources: ACCOUNTS },
  allowGroups: { ...list(account("group", groupId)), sources: ACCOUNTS },
  proxyProtocol: choice("VERSION", PROXY_VERSIONS),
  sourceNetns: { ...netns(), sources: NETWORKS },
  destinationNetns: netns(),
  capture: file(),
  // The headers of a captured packet have 40 bytes, which must not be cut off.
  captureBytes: count("N", 40),
  captureMax: size(CAPTURE_LEAST),
  acceptProxy: yesOrNo(),
  acceptProxyFrom: { ...list(cidr()), sources: ADDRESSES },
  fastPath: yesOrNo(),
} as const satisfies { readonly [Name in Checked]: Constraint<RelayOptions[Name]> };

/** The name of an option in `RELAY_OPTIONS`. */
export type RelayOptionName = keyof typeof RELAY_OPTIONS;

export const RELAY_OPTION_NAMES: readonly RelayOptionName[] = Object.keys(RELAY_OPTIONS).filter(
  (key): key is RelayOptionName => key in RELAY_OPTIONS,
);
