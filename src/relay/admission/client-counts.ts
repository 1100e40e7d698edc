import type { IpAddress } from "../../address/ip-address-and-ipv4-mapping.ts";

/**
 * Counts the open connections of each client. A 64-bit number identifies the client: the result of
 * `ipClient` for an IP address, of `unixClient` for a Unix user.
 */
export interface ClientCounts {
  /**
   * Adds a connection of a client. Returns the number of open connections that the client has
   * afterwards in all threads of the relay.
   */
  enter(client: bigint): number;
  /** Removes one connection of a client. */
  leave(client: bigint): void;
}

/** The counts of a relay that runs in one thread. */
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

// The upper 32 bits of the number that identifies an IPv4 client; the lower 32 bits are the
// client's address. No IPv6 client gets such a number, because IPv6 addresses that begin with these
// 32 bits are multicast addresses (RFC 4291 2.7), which no client has.
const IPV4_CLIENTS = 0xffff_ffff_0000_0000n;

// The upper 32 bits of the number that identifies a Unix user; the lower 32 bits are the user id.
// For the same reason no IPv6 client gets such a number. A relay with `acceptProxy` counts users
// and addresses at one source.
const UNIX_USERS = 0xffff_fffe_0000_0000n;

/**
 * Returns the number by which `ClientCounts` identifies the client with this IP address. For IPv4
 * the number is the sum of `IPV4_CLIENTS` and the address. For IPv6 the number is the first 64 bits
 * of the address, because one host may use any address of its /64 network (RFC 4291 2.5.4, RFC
 * 8981).
 */
export function ipClient({ family, bytes }: IpAddress): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return family === "ipv4" ? IPV4_CLIENTS | BigInt(view.getUint32(0)) : view.getBigUint64(0);
}

/** Returns the number by which `ClientCounts` identifies the clients of a Unix user. */
export function unixClient(uid: number): bigint {
  return UNIX_USERS | BigInt(uid);
}
