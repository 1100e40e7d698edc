import type { Endpoint } from "../address/address.ts";
import { groupId, userId } from "../os/user-ids.ts";
import { PROXY_VERSIONS } from "../relay/proxy-protocol.ts";
import type { RelayOptions } from "../relay/options.ts";
import type { Workers } from "../workers/worker-count.ts";
import {
  account,
  choice,
  cidr,
  count,
  countOr,
  file,
  type LibraryType,
  list,
  mode,
  netns,
  size,
  time,
  yesOrNo,
} from "./value-types.ts";

/** The options of `startRelay` without its addresses and its observer. */
type Checked = Exclude<keyof RelayOptions, "source" | "destination" | "observer">;

/** How an option's value is read and checked. */
type Constraint<Value> = Pick<LibraryType<NonNullable<Value>>, "read" | "take" | "schema"> & {
  /** The kinds of source that the option makes sense for; absent for all kinds. */
  readonly sources?: readonly Endpoint["kind"][];
};

const TCP: readonly Endpoint["kind"][] = ["tcp"];
const FILE: readonly Endpoint["kind"][] = ["unix"];
// The type of an inherited socket (`systemd`, `fd`) is known only when the relay starts.
const ADDRESSES: readonly Endpoint["kind"][] = ["tcp", "systemd", "fd"];
// A Unix socket's file is the same socket in all network namespaces; an inherited one is bound.
const NETWORKS: readonly Endpoint["kind"][] = ["tcp", "abstract"];
const ACCOUNTS: readonly Endpoint["kind"][] = ["unix", "abstract", "systemd", "fd"];

// Each worker costs memory and descriptors. No machine has more processors than this (Linux,
// CONFIG_NR_CPUS).
const WORKERS_MOST = 8_192;

// A smaller file would hold hardly a packet.
const CAPTURE_LEAST = 64 * 1024;

/** How many threads relay. */
export const WORKERS: LibraryType<Workers> = countOr("auto", 1, WORKERS_MOST);

/**
 * The one table of the values that a relay's options accept, for the command line, the
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
  // tcp(7): TCP_KEEPIDLE is in seconds and at most 32767.
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
  // Fewer bytes would cut the headers.
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
