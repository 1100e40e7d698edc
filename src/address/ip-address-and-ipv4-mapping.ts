import { ipv4Bytes, ipv4Text, ipv6Bytes, ipv6Text, isIPv4, isIPv6 } from "./parse-and-print-ip.ts";

export type IpFamily = "ipv4" | "ipv6";

/** An IP address, without a port. */
export class IpAddress {
  /** The text; null until it is asked for, because most addresses are never printed. */
  #text: string | null = null;

  constructor(
    readonly family: IpFamily,
    /** 4 or 16 bytes in network order. */
    readonly bytes: Uint8Array,
  ) {}

  /**
   * The canonical text (RFC 5952). The text of an IPv6 address never ends in a dotted IPv4 address.
   */
  get text(): string {
    return (this.#text ??= this.family === "ipv4" ? ipv4Text(this.bytes) : ipv6Text(this.bytes));
  }
}

// The first 12 bytes of an IPv4-mapped address (::ffff:0:0/96, RFC 4291 2.5.5.2). An IPv6 socket
// reports an IPv4 peer by such an address.
const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/**
 * Parses an address that a socket reports. An IPv4-mapped address becomes the IPv4 address. A zone
 * (`%eth0`) is removed, because it has a meaning on this machine only. Returns null if the text is
 * not a valid address.
 */
export function ipAddress(text: string): IpAddress | null {
  const [plain = ""] = text.split("%");
  if (isIPv4(plain)) return ipFromBytes(ipv4Bytes(plain));
  return isIPv6(plain) ? ipFromSocketBytes(ipv6Bytes(plain)) : null;
}

/** The address given as 4 or 16 bytes. */
export function ipFromBytes(bytes: Uint8Array): IpAddress {
  return new IpAddress(bytes.length === 4 ? "ipv4" : "ipv6", bytes);
}

/** Like `ipFromBytes`, but an IPv4-mapped address (16 bytes) becomes the IPv4 address. */
export function ipFromSocketBytes(bytes: Uint8Array): IpAddress {
  const isMapped = bytes.length > 4 && MAPPED.every((byte, index) => bytes[index] === byte);
  return ipFromBytes(isMapped ? bytes.subarray(MAPPED.length) : bytes);
}

/** An IPv4 address as an IPv4-mapped IPv6 address; an IPv6 address stays as it is. */
export function ipv4MappedAddress(address: IpAddress): IpAddress {
  if (address.family === "ipv6") return address;
  return ipFromBytes(Uint8Array.from([...MAPPED, ...address.bytes]));
}
