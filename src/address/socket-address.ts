import { networkInterfaces } from "node:os";
import { type Libc, libc } from "../os/libc.ts";
import { AF_INET, AF_INET6, AF_UNIX, SOCK_DGRAM } from "../os/linux-constants.ts";
import { networkPath, socketsInNetwork } from "../os/sockets-in-namespace.ts";
import type { SocketEndpoint } from "./address.ts";
import { ipv4Bytes, ipv4Text, ipv6Bytes, ipv6Text } from "./parse-and-print-ip.ts";

// The lengths, in bytes, of the family field, a sockaddr_in and a sockaddr_in6 (unix(7), ip(7),
// ipv6(7)).
const FAMILY_BYTES = 2;
const IPV4_BYTES = 16;
const IPV6_BYTES = 28;
// The length, in bytes, of sun_path in a sockaddr_un.
const UNIX_NAME_BYTES = 108;

// The maximum length, in bytes, of the name of an interface (netdevice(7), IFNAMSIZ).
const INTERFACE_NAME_MOST = 15;

/** An address for connect(2): a family and the bytes of that family's sockaddr. */
export interface SocketAddress {
  readonly family: number;
  readonly bytes: Uint8Array;
  /** The address for messages: `127.0.0.1:80`, `/run/socket`. */
  readonly text: string;
}

/** A sockaddr_un of a path, with a NUL at the end if there is room for one (unix(7)). */
export function unixAddress(path: string): SocketAddress {
  const bytes = unixBytes(`${path}\0`).subarray(0, FAMILY_BYTES + UNIX_NAME_BYTES);
  return { family: AF_UNIX, bytes, text: path };
}

/** A sockaddr_un of an abstract name: a leading NUL and no NUL at the end (unix(7)). */
export function abstractAddress(name: string): SocketAddress {
  return { family: AF_UNIX, bytes: unixBytes(`\0${name}`), text: `@${name}` };
}

function unixBytes(name: string): Uint8Array {
  const encoded = Buffer.from(name);
  const bytes = new Uint8Array(FAMILY_BYTES + encoded.length);
  new DataView(bytes.buffer).setUint16(0, AF_UNIX, true);
  bytes.set(encoded, FAMILY_BYTES);
  return bytes;
}

/** A sockaddr_in of a dotted IPv4 address (ip(7)). The port is in network order. */
export function ipv4Address(host: string, port: number): SocketAddress {
  const bytes = new Uint8Array(IPV4_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_INET, true);
  view.setUint16(2, port);
  bytes.set(ipv4Bytes(host), 4);
  return { family: AF_INET, bytes, text: `${host}:${port}` };
}

/**
 * A sockaddr_in6 of an IPv6 address. The zone (`%eth0`, `%2`) becomes the scope id (ipv6(7)), which
 * is the index of the interface in the network namespace `netns`; undefined for the namespace of
 * this process.
 */
export function ipv6Address(host: string, port: number, netns?: string): SocketAddress {
  const [address = "", zone] = host.split("%");
  const bytes = new Uint8Array(IPV6_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_INET6, true);
  view.setUint16(2, port);
  bytes.set(ipv6Bytes(address), 8);
  if (zone !== undefined) view.setUint32(24, Math.max(0, scopeOf(zone, netns)), true);
  return { family: AF_INET6, bytes, text: `[${host}]:${port}` };
}

/** A sockaddr_in or sockaddr_in6 of an IPv4 or IPv6 address; `netns` as for `ipv6Address`. */
export function ipSocketAddress(host: string, port: number, netns?: string): SocketAddress {
  return host.includes(":") ? ipv6Address(host, port, netns) : ipv4Address(host, port);
}

/**
 * Returns the index of the network interface that a zone means. A zone is an interface's name or
 * its index. Returns 0 if the network namespace `netns` has no interface of that name at present; a
 * negative errno if the kernel cannot be asked, for example because there is no such namespace.
 */
function scopeOf(zone: string, netns: string | undefined): number {
  if (/^\d+$/.test(zone)) return Number(zone);
  if (libc !== null)
    return interfaceIndex(netns === undefined ? libc : socketsInNetwork(libc, netns), zone);
  const addresses = networkInterfaces()[zone] ?? [];
  return addresses.find((address) => address.family === "IPv6")?.scopeid ?? 0;
}

function interfaceIndex(system: Libc, name: string): number {
  // A longer name would be cut, and could then be the name of another interface.
  if (Buffer.byteLength(name) > INTERFACE_NAME_MOST) return 0;
  const fd = system.socket(AF_INET6, SOCK_DGRAM);
  if (fd < 0) return fd;
  const index = system.interfaceIndex(fd, name);
  system.close(fd);
  return Math.max(0, index);
}

/**
 * The message about the missing interface of an IPv6 address with a zone. bind(2) and connect(2)
 * only return EINVAL in this case. Empty if the host has no zone, if the interface exists, or if
 * the kernel cannot be asked (`scopeOf`).
 */
export function missingZone(host: string, netns?: string): string {
  const [, zone] = host.split("%");
  if (zone === undefined || scopeOf(zone, netns) !== 0) return "";
  const place = netns === undefined ? "this machine" : `network namespace ${networkPath(netns)}`;
  return `${place} has no interface ${zone} with an IPv6 address`;
}

/**
 * The endpoint in a sockaddr of getsockname(2); null if the family is unknown or the sockaddr is
 * truncated.
 */
export function readAddress(bytes: Uint8Array): SocketEndpoint | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const family = bytes.length < FAMILY_BYTES ? null : view.getUint16(0, true);
  if (family === AF_UNIX) return readUnix(bytes.subarray(FAMILY_BYTES));
  if (family === AF_INET && bytes.length >= IPV4_BYTES)
    return { kind: "tcp", host: ipv4Text(bytes.subarray(4, 8)), port: view.getUint16(2) };
  if (family === AF_INET6 && bytes.length >= IPV6_BYTES)
    return { kind: "tcp", host: ipv6Text(bytes.subarray(8, 24)), port: view.getUint16(2) };
  return null;
}

/** The scope id in a sockaddr_in6; 0 for an address without a zone, and for other families. */
export function readScope(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const isIpv6 = bytes.length >= IPV6_BYTES && view.getUint16(0, true) === AF_INET6;
  return isIpv6 ? view.getUint32(24, true) : 0;
}

function readUnix(name: Uint8Array): SocketEndpoint {
  if (name[0] === 0) return { kind: "abstract", name: Buffer.from(name.subarray(1)).toString() };
  const end = name.indexOf(0);
  return { kind: "unix", path: Buffer.from(end < 0 ? name : name.subarray(0, end)).toString() };
}
