import { printAddress, type SocketEndpoint } from "../address/address.ts";
import { type Libc, loaded } from "../os/libc.ts";
import { ambiguousId, type Peer, readPeer, readPeerGroups } from "../os/peer-credentials.ts";
import type { Cidr } from "../address/cidr.ts";
import { RelayError } from "./error.ts";
import type { IpAddress } from "../address/ip-address.ts";
import { printIpEndpoint } from "../address/ip-endpoint.ts";
import type { Arrival } from "./arrival.ts";

/** Who may connect; everybody where nothing is said. An empty list of who may lets in nobody. */
export interface AccessRules {
  /** TCP clients: from these ranges and no others. */
  readonly allow?: readonly Cidr[] | undefined;
  /** TCP clients: not from these ranges, whatever `allow` says. */
  readonly deny?: readonly Cidr[] | undefined;
  /**
   * Unix clients: processes of these user ids, and those of `allowGroups`, and no others; by what
   * the kernel noted of them when they connected.
   */
  readonly allowUsers?: readonly number[] | undefined;
  /** Unix clients: processes with one of these group ids, their own or a supplementary one. */
  readonly allowGroups?: readonly number[] | undefined;
}

/** Why a client is not let in, and who it is. */
export interface Refusal {
  /** `127.0.0.1:5678`, or a Unix client's user, group and process; `""` where nothing is known. */
  readonly client: string;
  readonly reason: string;
}

const NO_ADDRESS = "its address cannot be told";
const DENIED = "its address is denied";
const NOT_ALLOWED = "its address is not among those allowed";
const NO_USER_ALLOWED = "neither its user nor one of its groups is among those allowed";

/** The usual reasons why a client is refused; there are rarer ones. */
export const REFUSAL_REASONS = [NO_ADDRESS, DENIED, NOT_ALLOWED, NO_USER_ALLOWED] as const;

/** Tells of a client that was accepted whether it may come in: null lets it. */
export type Judge = (arrival: Arrival) => Refusal | null;

/**
 * Makes the judge of a source's clients; null where everybody may come in.
 *
 * @throws {RelayError} where the rules are of the other kind of source, which would leave this one
 *   open, and where the kernel cannot be asked.
 */
export function judgeOf(rules: AccessRules, source: SocketEndpoint): Judge | null {
  const { allow, deny, allowUsers, allowGroups } = rules;
  const ofAddresses = allow !== undefined || deny !== undefined;
  const ofUsers = allowUsers !== undefined || allowGroups !== undefined;
  if (ofUsers && source.kind === "tcp")
    throw cannotApply(
      source,
      "of a TCP client the kernel knows no user or group; allow addresses instead",
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

function cannotApply(source: SocketEndpoint, why: string): RelayError {
  const address = printAddress(source);
  return new RelayError("EINVAL", address, `cannot guard ${address}: ${why}`);
}

/** Unix clients cannot be told apart, for want of FFI; `reason` says why there is none. */
export function cannotGuard(source: SocketEndpoint, reason: string): RelayError {
  const address = printAddress(source);
  return new RelayError(
    "ENOSYS",
    address,
    `cannot guard ${address}: without FFI the kernel cannot be asked who connects (${reason}); ` +
      "in a systemd unit: MemoryDenyWriteExecute=no",
  );
}

function judgeByAddress(allow: readonly Cidr[] | undefined, deny: readonly Cidr[] = []): Judge {
  const allowed = allow && rangesOf(allow);
  const denied = rangesOf(deny);
  return ({ client }) => {
    if (client === null) return { client: "", reason: NO_ADDRESS };
    const refuse = (reason: string) => ({ client: printIpEndpoint(client), reason });
    if (denied(client.address)) return refuse(DENIED);
    if (allowed?.(client.address) === false) return refuse(NOT_ALLOWED);
    return null;
  };
}

/** Whether an address is in one of the ranges. */
function rangesOf(ranges: readonly Cidr[]): (address: IpAddress) => boolean {
  // One list would take an IPv4 address for one of ::/0.
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
  // Ids that could be anybody's let nobody in.
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
      peer.uid === noUser
        ? "its user is not of this user namespace (in a systemd unit: PrivateUsers=no)"
        : NO_USER_ALLOWED,
    );
  };
}

/** A Unix client as a person reads it. */
export function printPeer({ pid, uid, gid }: Peer): string {
  return `user ${uid}, group ${gid}, process ${pid}`;
}
