import { ipAddress } from "./ip-address.ts";

/**
 * Whether a host name is loopback by its name alone: `localhost` and every name below it, which no
 * resolver is asked for (RFC 6761 6.3). Such a name means 127.0.0.1 and ::1.
 */
export function isLoopbackName(host: string): boolean {
  return /^(.+\.)?localhost\.?$/i.test(host);
}

/**
 * Whether a text is an address of loopback: of 127.0.0.0/8 (RFC 1122 3.2.1.3), also mapped into
 * IPv6, or ::1 (RFC 4291 2.5.3).
 */
export function isLoopbackAddress(text: string): boolean {
  const address = ipAddress(text);
  if (address === null) return false;
  return address.family === "ipv4" ? address.bytes[0] === 127 : address.text === "::1";
}

/** Whether a host, a name or an address, is loopback wherever it is used. */
export function isLoopbackHost(host: string): boolean {
  return isLoopbackName(host) || isLoopbackAddress(host);
}
