import { printAddress, type SocketEndpoint } from "../../address/address.ts";
import { type Libc, loaded } from "../../os/libc.ts";
import { ambiguousId, readPeer, readPeerGroups } from "../../os/peer-credentials.ts";
import type { Cidr } from "../../address/cidr.ts";
import { RelayError } from "../error.ts";
import type { IpAddress } from "../../address/ip-address-and-ipv4-mapping.ts";
import { printIpEndpoint } from "../../address/ip-endpoint.ts";
import type { AcceptedClient } from "./accepted-client.ts";
import { printPeer } from "./print-client.ts";
import { REFUSAL_REASONS } from "./refusal-reasons.ts";

/**
 * The rules that decide which clients may connect. Without rules every client may connect; with an
 * empty allow list no client may connect.
 */
export interface AccessRules {
  /** For TCP clients: only clients with an address in these ranges may connect. */
  readonly allow?: readonly Cidr[] | undefined;
  /**
   * For TCP clients: clients with an address in these ranges may not connect, even if `allow`
   * contains that address.
   */
  readonly deny?: readonly Cidr[] | undefined;
  /**
   * For Unix clients: only processes that have one of these user ids, or that `allowGroups` allows,
   * may connect. The kernel records the ids of a client at the moment when the client connects.
   */
  readonly allowUsers?: readonly number[] | undefined;
  /**
   * For Unix clients: only processes that have one of these ids as their group or as a
   * supplementary group, or that `allowUsers` allows, may connect.
   */
  readonly allowGroups?: readonly number[] | undefined;
}

/** A refused client and the reason. */
export interface Refusal {
  /**
   * The client's address, such as `127.0.0.1:5678`, or the user, group and process of a Unix
   * client; `""` if unknown.
   */
  readonly client: string;
  readonly reason: string;
}

/**
 * A function that decides whether an accepted client may use the relay. It returns null if the
 * client is admitted, otherwise the refusal.
 */
export type Judge = (accepted: AcceptedClient) => Refusal | null;

/**
 * Makes the judge for a source's clients. Returns null if every client may connect.
 *
 * @throws {RelayError} if the rules do not fit the source: rules for Unix clients at a TCP source,
 *   or rules for TCP clients at a Unix source. Such rules would refuse no client. Also if the rules
 *   are for Unix clients but FFI is not available.
 */
export function judgeOf(rules: AccessRules, source: SocketEndpoint): Judge | null {
  const { allow, deny, allowUsers, allowGroups } = rules;
  const ofAddresses = allow !== undefined || deny !== undefined;
  const ofUsers = allowUsers !== undefined || allowGroups !== undefined;
  if (ofUsers && source.kind === "tcp")
    throw cannotApply(
      source,
      "the kernel knows no user or group for a TCP client; allow addresses instead",
    );
  if (ofAddresses && source.kind !== "tcp")
    throw cannotApply(
      source,
      "a Unix client has no address to allow or deny; allow users or groups instead",
    );
  if (ofAddresses) return judgeByAddress(allow, deny);
  if (!ofUsers) return null;
  if (loaded.libc === null) throw cannotGuard(source, loaded.reason);
  return judgeByCredential(loaded.libc, allowUsers, allowGroups);
}

/**
 * The access rules of a source that expects PROXY headers: rules for the proxies and rules for the
 * clients of the proxies.
 */
export interface ProxyRules extends AccessRules {
  /** For TCP sources: only proxies with an address in these ranges may connect. */
  readonly acceptProxyFrom?: readonly Cidr[] | undefined;
}

/**
 * Makes the two judges for a source that expects PROXY headers. `ofProxy` judges a proxy when the
 * proxy connects, by its address, or by its user and group. `ofClient` judges the client by the
 * address that the header names. A judge is null if it has no rules.
 *
 * @throws {RelayError} as `judgeOf` does; also if a TCP source has no `acceptProxyFrom`.
 */
export function judgesBehindProxy(
  rules: ProxyRules,
  source: SocketEndpoint,
): { readonly ofProxy: Judge | null; readonly ofClient: Judge | null } {
  const { allow, deny, allowUsers, allowGroups, acceptProxyFrom } = rules;
  const ofUsers = judgeOf({ allowUsers, allowGroups }, source);
  const ofClient = allow === undefined && deny === undefined ? null : judgeByAddress(allow, deny);
  if (source.kind !== "tcp") return { ofProxy: ofUsers, ofClient };
  if (acceptProxyFrom === undefined)
    throw cannotApply(
      source,
      "with --accept-proxy any client could claim any address; name the proxies (--accept-proxy-from)",
    );
  const byAddress = judgeByAddress(acceptProxyFrom, []);
  const ofProxy: Judge = (accepted) => {
    const refusal = byAddress(accepted);
    return refusal?.reason === REFUSAL_REASONS.addressNotAllowed
      ? { ...refusal, reason: REFUSAL_REASONS.notAProxy }
      : refusal;
  };
  return { ofProxy, ofClient };
}

function cannotApply(source: SocketEndpoint, why: string): RelayError {
  const address = printAddress(source);
  return new RelayError("EINVAL", address, `cannot guard ${address}: ${why}`);
}

/**
 * Makes the error for a source whose Unix clients cannot be identified without FFI. `reason` says
 * why FFI is not available.
 */
export function cannotGuard(source: SocketEndpoint, reason: string): RelayError {
  const address = printAddress(source);
  return new RelayError(
    "ENOSYS",
    address,
    `cannot guard ${address}: clients cannot be identified without FFI (${reason}); ` +
      "in a systemd unit: MemoryDenyWriteExecute=no",
  );
}

function judgeByAddress(allow: readonly Cidr[] | undefined, deny: readonly Cidr[] = []): Judge {
  const allowed = allow && rangesOf(allow);
  const denied = rangesOf(deny);
  return ({ client }) => {
    if (client === null) return { client: "", reason: REFUSAL_REASONS.addressUnknown };
    const refuse = (reason: string) => ({ client: printIpEndpoint(client), reason });
    if (denied(client.address)) return refuse(REFUSAL_REASONS.addressDenied);
    if (allowed?.(client.address) === false) return refuse(REFUSAL_REASONS.addressNotAllowed);
    return null;
  };
}

/** Returns a function that tells whether an address is in one of the ranges. */
function rangesOf(ranges: readonly Cidr[]): (address: IpAddress) => boolean {
  // Keep a list for each address family, because a single BlockList would say that an IPv4 address
  // is in ::/0.
  const { BlockList } = process.getBuiltinModule("node:net");
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const { family, network, prefix } of ranges)
    lists[family].addSubnet(network, prefix, family);
  return ({ family, text }) => lists[family].check(text, family);
}

function judgeByCredential(
  system: Libc,
  allowUsers: readonly number[] = [],
  allowGroups: readonly number[] = [],
): Judge {
  const users = new Set(allowUsers);
  const groups = new Set(allowGroups);
  // In a user namespace, the kernel reports the overflow id for every user (or group) that the
  // namespace does not map. Many users share this id, so a rule for this id must admit nobody.
  const noUser = ambiguousId("uid");
  const noGroup = ambiguousId("gid");
  if (noUser !== null) users.delete(noUser);
  if (noGroup !== null) groups.delete(noGroup);
  const isAllowed = (group: number) => groups.has(group);
  return ({ fd }) => {
    const peer = readPeer(system, fd);
    if ("code" in peer)
      return { client: "", reason: `its credential cannot be read (${peer.code})` };
    if (users.has(peer.uid) || isAllowed(peer.gid)) return null;
    const refuse = (reason: string) => ({ client: printPeer(peer), reason });
    const others = groups.size === 0 ? [] : readPeerGroups(system, fd);
    if ("code" in others) return refuse(`its supplementary groups cannot be read (${others.code})`);
    if (others.some(isAllowed)) return null;
    return refuse(
      peer.uid === noUser ? REFUSAL_REASONS.userNotKnown : REFUSAL_REASONS.userNotAllowed,
    );
  };
}
