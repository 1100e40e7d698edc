import type { SocketEndpoint } from "./address.ts";
import { printAddress } from "./address.ts";
import { type FoundAddress, resolveInNetwork } from "./resolve-in-network.ts";
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
  /** The endpoint as the user writes it. */
  readonly text: string;
  readonly isTcp: boolean;
  /** The network namespace in which the destination is reached; undefined: this process's. */
  readonly netns: string | undefined;
  /**
   * The destination's addresses in the order of the attempts. A promise if a name must be resolved,
   * which happens for each connection. Rejects with the resolver's error.
   */
  addresses(): readonly SocketAddress[] | Promise<readonly SocketAddress[]>;
}

/**
 * Prepares a destination, which is reached in the network namespace `netns`, if given; addresses
 * that never change are built once.
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
  // The interface of a zone may come later.
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
  return host.includes("%") ? [ipv6Address(host, port)] : resolve(endpoint, netns);
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
 * Interleaves the two families and keeps the order within each; the family of the first address
 * comes first. If a whole family is silent, the second address still answers (RFC 8305 section 4).
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
