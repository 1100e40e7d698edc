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
  type LibraryType,
  list,
  mode,
  time,
  yesOrNo,
} from "./value-types.ts";

/** The options of `startRelay` that are values; the others are what the relay needs to work at all. */
type Checked = Exclude<keyof RelayOptions, "source" | "destination" | "observer">;

/** What a value of an option must be. */
type Constraint<Value> = Pick<LibraryType<NonNullable<Value>>, "read" | "take" | "schema"> & {
  /** The kinds of source that the option makes sense for; all where absent. */
  readonly sources?: readonly Endpoint["kind"][];
};

const TCP: readonly Endpoint["kind"][] = ["tcp"];
const FILE: readonly Endpoint["kind"][] = ["unix"];
// What a socket that was passed is shows only when it is there.
const ADDRESSES: readonly Endpoint["kind"][] = ["tcp", "systemd", "fd"];
const ACCOUNTS: readonly Endpoint["kind"][] = ["unix", "abstract", "systemd", "fd"];

// Each costs memory and descriptors; no machine has more processors (Linux, CONFIG_NR_CPUS).
const WORKERS_MOST = 8_192;

/** How many threads relay. */
export const WORKERS: LibraryType<Workers> = countOr("auto", 1, WORKERS_MOST);

/**
 * The one table of what the options of a relay take, for the command line, the configuration file
 * and the library. An option that is forgotten here does not compile.
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
  idleTimeout: time({ least: 1 }),
  halfCloseTimeout: time({ least: 1 }),
  lingerTimeout: time({ least: 1 }),
  drainTimeout: time({ least: 0 }),
  allow: { ...list(cidr()), sources: ADDRESSES },
  deny: { ...list(cidr()), sources: ADDRESSES },
  allowUsers: { ...list(account("user", userId)), sources: ACCOUNTS },
  allowGroups: { ...list(account("group", groupId)), sources: ACCOUNTS },
  proxyProtocol: choice("VERSION", PROXY_VERSIONS),
  fastPath: yesOrNo(),
} as const satisfies { readonly [Name in Checked]: Constraint<RelayOptions[Name]> };

/** An option of a relay that is a value. */
export type RelayOptionName = keyof typeof RELAY_OPTIONS;

export const RELAY_OPTION_NAMES: readonly RelayOptionName[] = Object.keys(RELAY_OPTIONS).filter(
  (key): key is RelayOptionName => key in RELAY_OPTIONS,
);
