import { isIPv4, isIPv6 } from "./ip-text.ts";
import { AF_INET6 } from "../os/libc.ts";
import { ipv4Address, ipv6Address, readAddress } from "./socket-address.ts";

export type IpFamily = "ipv4" | "ipv6";

/** An address of the Internet protocols, without a port. */
export interface IpAddress {
  readonly family: IpFamily;
  /** 4 or 16 bytes in network order. */
  readonly bytes: Uint8Array;
  /** The canonical text (RFC 5952), an IPv6 address without a dotted tail. */
  readonly text: string;
}

// ::ffff:0:0/96 holds the IPv4 addresses as an IPv6 socket sees them (RFC 4291 2.5.5.2).
const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/**
 * Reads an address as a socket tells it: an IPv4-mapped one is the IPv4 address, and a zone
 * (`%eth0`), which means something on this machine only, is left out. Null where it is no address.
 */
export function ipAddress(text: string): IpAddress | null {
  const [plain = ""] = text.split("%");
  if (isIPv4(plain)) return ipFromBytes(ipv4Address(plain, 0).bytes.subarray(4, 8));
  if (!isIPv6(plain)) return null;
  const bytes = ipv6Address(plain, 0).bytes.subarray(8, 24);
  return ipFromBytes(isMapped(bytes) ? bytes.subarray(MAPPED.length) : bytes);
}

/** The address of 4 or 16 bytes. */
export function ipFromBytes(bytes: Uint8Array): IpAddress {
  return bytes.length === 4
    ? { family: "ipv4", bytes, text: bytes.join(".") }
    : { family: "ipv6", bytes, text: ipv6Text(bytes) };
}

function isMapped(bytes: Uint8Array): boolean {
  return MAPPED.every((byte, index) => bytes[index] === byte);
}

function ipv6Text(bytes: Uint8Array): string {
  const name = new Uint8Array(28);
  name[0] = AF_INET6;
  name.set(bytes, 8);
  const read = readAddress(name);
  return read?.kind === "tcp" ? read.host : "";
}
