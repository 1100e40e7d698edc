import { isIPv4, isIPv6 } from "./parse-and-print-ip.ts";
import { ipAddress, type IpFamily, ipFromBytes } from "./ip-address-and-ipv4-mapping.ts";
import { quote } from "./quote-word.ts";

/** A range of IP addresses that share their leading bits (RFC 4632, RFC 4291 2.3). */
export interface Cidr {
  readonly family: IpFamily;
  /** The first address of the range, in canonical form. */
  readonly network: string;
  /** The number of leading bits that all addresses of the range share. */
  readonly prefix: number;
}

/** The error about a text that is not a valid range of addresses, with the text and the reason. */
export class CidrError extends Error {
  readonly code = "CIDR";
  constructor(
    readonly text: string,
    readonly reason: string,
  ) {
    super(`${quote(text)} ${reason}`);
    this.name = "CidrError";
  }
}

/**
 * Reads `10.0.0.0/8`, `2001:db8::/32` or a single address. A range of IPv4-mapped addresses, such
 * as `::ffff:10.0.0.0/104`, becomes a range of IPv4 addresses, such as `10.0.0.0/8`. No other IPv6
 * range, not even `::/0`, contains an IPv4 address.
 *
 * @throws {CidrError} if the text is not a valid range. Throws no other error, whatever the text. A
 *   range with bits set beyond the prefix, such as `10.0.0.1/8`, is not valid, because the user may
 *   mean the address or its network.
 */
export function parseCidr(text: string): Cidr {
  const slash = text.indexOf("/");
  const host = slash < 0 ? text : text.slice(0, slash);
  const length = slash < 0 ? undefined : text.slice(slash + 1);
  if (!isIPv4(host) && !isIPv6(host))
    throw new CidrError(
      text,
      "is not an address or range; write 10.0.0.0/8, 2001:db8::/32 or 10.0.0.1",
    );
  const address = host.includes("%") ? null : ipAddress(host);
  if (address === null) throw new CidrError(text, "has a zone, which a range cannot have");
  const { bytes, family } = address;
  const bits = isIPv4(host) ? 32 : 128;
  // The number of leading bits that are no longer in `bytes`: 96 if `ipAddress` has turned an
  // IPv4-mapped address into an IPv4 address, else 0.
  const dropped = bits - bytes.length * 8;
  const prefix = (length === undefined ? bits : prefixLength(text, length, bits)) - dropped;
  if (prefix < 0) throw new CidrError(text, `is IPv4-mapped: its prefix is at least /${dropped}`);
  const network = ipFromBytes(firstOf(bytes, prefix)).text;
  if (network !== address.text)
    throw new CidrError(
      text,
      `has bits set beyond its prefix; write ${network}/${prefix} or ${address.text}`,
    );
  return { family, network, prefix };
}

function prefixLength(text: string, length: string, most: number): number {
  if (!/^(0|[1-9]\d{0,2})$/.test(length) || Number(length) > most)
    throw new CidrError(text, `needs a prefix length from 0 to ${most} after the /`);
  return Number(length);
}

/** The bytes of an address with all bits beyond the prefix set to 0. */
function firstOf(bytes: Uint8Array, prefix: number): Uint8Array {
  return bytes.map((byte, index) => {
    const shared = Math.min(Math.max(prefix - 8 * index, 0), 8);
    return byte & (0xff << (8 - shared));
  });
}
