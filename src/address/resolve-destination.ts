import type { SocketEndpoint } from "./address.ts";
import { printAddress } from "./address.ts";
import { type FoundAddress, resolveInNetwork } from "./resolve-in-namespace.ts";
import { isLoopbackName } from "./loopback.ts";
import {
  abstractAddress,
  ipv4Address,
  ipv6Address,
  type SocketAddress,
  unixAddress,
} from "./socket-address.ts";

/** The destination of a relay, prepared for connect(2). */
export interface Target {
  readonly endpoint: SocketEndpoint;
  /** The text of the endpoint in the form that users write. */
  readonly text: string;
  readonly isTcp: boolean;
  /**
   * The network namespace from which the relay connects to the destination; undefined for the
   * namespace of this process.
   */
  readonly netns: string | undefined;
  /**
   * Returns the destination's addresses in the order in which the relay tries them. A name that
   * needs a resolver is resolved at each call. For such a name the result is a promise, which
   * rejects with the resolver's error.
   */
  addresses(): readonly SocketAddress[] | Promise<readonly SocketAddress[]>;
}

/**
 * Prepares a destination. The relay connects to it from the network namespace `netns`, if given.
 * Addresses that never change are built only once.
 */
export function targetOf(endpoint: SocketEndpoint, netns?: string): Target {
  const fixed = fixedAddresses(endpoint);
  return {
    endpoint,
    text: printAddress(endpoint),
    isTcp: endpoint.kind === "tcp",
    netns,
    addresses: () => fixed ?? currentAddresses(endpoint, netns),
  };
}

function fixedAddresses(endpoint: SocketEndpoint): readonly SocketAddress[] | null {
  if (endpoint.kind === "unix") return [unixAddress(endpoint.path)];
  if (endpoint.kind === "abstract") return [abstractAddress(endpoint.name)];
  const { host, port } = endpoint;
  if (host === "" || isLoopbackName(host))
    return [ipv4Address("127.0.0.1", port), ipv6Address("::1", port)];
  // Build an address with a zone for each connection, because the zone's interface may appear
  // later.
  if (host.includes("%")) return null;
  if (host.includes(":")) return [ipv6Address(host, port)];
  if (/^[\d.]+$/.test(host)) return [ipv4Address(host, port)];
  return null;
}

function currentAddresses(
  endpoint: SocketEndpoint,
  netns: string | undefined,
): readonly SocketAddress[] | Promise<readonly SocketAddress[]> {
  if (endpoint.kind !== "tcp") return [];
  const { host, port } = endpoint;
  return host.includes("%") ? [ipv6Address(host, port, netns)] : resolve(endpoint, netns);
}

async function resolve(
  endpoint: Extract<SocketEndpoint, { readonly kind: "tcp" }>,
  netns: string | undefined,
): Promise<readonly SocketAddress[]> {
  const found = await (netns === undefined
    ? lookUp(endpoint.host)
    : resolveInNetwork(endpoint.host, netns));
  return alternate(found).map(({ address, family }) =>
    family === 6 ? ipv6Address(address, endpoint.port) : ipv4Address(address, endpoint.port),
  );
}

async function lookUp(host: string): Promise<readonly FoundAddress[]> {
  const { lookup } = await import("node:dns/promises");
  const found = await lookup(host, { all: true, order: "verbatim" });
  return found.map(({ address, family }) => ({ address, family: family === 6 ? 6 : 4 }));
}

/**
 * Sorts addresses so that the two IP families take turns, beginning with the family of the first
 * address. The order within a family stays. So if no address of the first family answers, the
 * second address that the relay tries is of the other family (RFC 8305 section 4).
 */
export function alternate<Address extends { readonly family: number }>(
  addresses: readonly Address[],
): readonly Address[] {
  const ofFirst = addresses.filter(({ family }) => family === addresses[0]?.family);
  const others = addresses.filter(({ family }) => family !== addresses[0]?.family);
  const turns = Array.from({ length: Math.max(ofFirst.length, others.length) }, (_, turn) => [
    ...ofFirst.slice(turn, turn + 1),
    ...others.slice(turn, turn + 1),
  ]);
  return turns.flat();
}
