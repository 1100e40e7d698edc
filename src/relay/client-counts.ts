import type { IpAddress } from "../address/ip-address.ts";

/**
 * How many connections each client has open. A client is a number of 64 bits: `ipClient` or, of a
 * Unix client, its user id.
 */
export interface ClientCounts {
  /** One more connection of a client; gives how many it has now, in all threads of the relay. */
  enter(client: bigint): number;
  /** One connection less. */
  leave(client: bigint): void;
}

/** The counts of a relay in one thread. */
export class OwnClientCounts implements ClientCounts {
  readonly #counts = new Map<bigint, number>();

  enter(client: bigint): number {
    const count = (this.#counts.get(client) ?? 0) + 1;
    this.#counts.set(client, count);
    return count;
  }

  leave(client: bigint): void {
    const count = (this.#counts.get(client) ?? 0) - 1;
    if (count > 0) this.#counts.set(client, count);
    else this.#counts.delete(client);
  }
}

// The first 32 bits of a multicast address (RFC 4291 2.7), which no client has.
const IPV4_CLIENTS = 0xffff_ffff_0000_0000n;

/**
 * The client behind an IP address: the address itself, of IPv6 its first 64 bits, because one host
 * may take any address of its network (RFC 4291 2.5.4, RFC 8981).
 */
export function ipClient({ family, bytes }: IpAddress): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return family === "ipv4" ? IPV4_CLIENTS | BigInt(view.getUint32(0)) : view.getBigUint64(0);
}
