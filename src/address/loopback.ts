import { ipAddress } from "./ip-address-and-ipv4-mapping.ts";

/**
 * Whether a host name always means loopback: `localhost` and every name below it (RFC 6761 6.3).
 * Such a name means 127.0.0.1 and ::1; the relay asks no resolver.
 */
export function isLoopbackName(host: string): boolean {
  return /^(.+\.)?localhost\.?$/i.test(host);
}

/**
 * Whether a text is a loopback address: an address in 127.0.0.0/8 (RFC 1122 3.2.1.3), the
 * IPv4-mapped form of such an address, or ::1 (RFC 4291 2.5.3).
 */
export function isLoopbackAddress(text: string): boolean {
  const address = ipAddress(text);
  if (address === null) return false;
  return address.family === "ipv4" ? address.bytes[0] === 127 : address.text === "::1";
}

/**
 * Whether a host (a name or an address) means loopback for a source and for a destination. False
 * for the empty host, which means loopback only for a destination.
 */
export function isLoopbackHost(host: string): boolean {
  return isLoopbackName(host) || isLoopbackAddress(host);
}
