import { networkInterfaces } from "node:os";
import { AF_INET, AF_INET6, AF_UNIX } from "../os/libc.ts";

// Lengths of the family, of a sockaddr_in and of a sockaddr_in6 (unix(7), ip(7), ipv6(7)).
const FAMILY_BYTES = 2;
const IPV4_BYTES = 16;
const IPV6_BYTES = 28;
// sun_path of a sockaddr_un.
const UNIX_NAME_BYTES = 108;

/** What connect(2) takes: a family and the bytes of that family's sockaddr. */
export interface SocketAddress {
  readonly family: number;
  readonly bytes: Uint8Array;
  /** As a person reads it: `127.0.0.1:80`, `/run/socket`. */
  readonly text: string;
}

/** A sockaddr_un of a path; the name ends with a NUL where there is room for it (unix(7)). */
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
  bytes.set(host.split(".").map(Number), 4);
  return { family: AF_INET, bytes, text: `${host}:${port}` };
}

/** A sockaddr_in6 of an IPv6 address, its zone (`%eth0`, `%2`) as the scope (ipv6(7)). */
export function ipv6Address(host: string, port: number): SocketAddress {
  const [address = "", zone] = host.split("%");
  const bytes = new Uint8Array(IPV6_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_INET6, true);
  view.setUint16(2, port);
  ipv6Groups(address).forEach((group, index) => view.setUint16(8 + 2 * index, group));
  if (zone !== undefined) view.setUint32(24, scopeOf(zone), true);
  return { family: AF_INET6, bytes, text: `[${host}]:${port}` };
}

/** The eight groups of an IPv6 address, which is known to be one. */
function ipv6Groups(address: string): number[] {
  // The URL parser writes the address in its one canonical form.
  const canonical = new URL(`http://[${withoutDots(address)}]/`).hostname.slice(1, -1);
  const [head = "", tail] = canonical.split("::");
  const groups = (text: string) => (text === "" ? [] : text.split(":").map((g) => parseInt(g, 16)));
  const first = groups(head);
  if (tail === undefined) return first;
  const last = groups(tail);
  return [...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last];
}

/** An IPv6 address in hexadecimal alone: Bun 1.4.5 takes `1::2:3:4:1.2.3.4` for no host of a URL. */
function withoutDots(address: string): string {
  return address.replace(/\d+(\.\d+){3}$/, (dotted) => {
    const [a = 0, b = 0, c = 0, d = 0] = dotted.split(".").map(Number);
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  });
}

function scopeOf(zone: string): number {
  if (/^\d+$/.test(zone)) return Number(zone);
  const addresses = networkInterfaces()[zone] ?? [];
  return addresses.find((address) => address.family === "IPv6")?.scopeid ?? 0;
}

/** A sockaddr read: an endpoint's kind and parts. */
export type ReadAddress =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "abstract"; readonly name: string };

/**
 * What a sockaddr of getsockname(2) says, in the words of an endpoint; null of another family, and
 * of one that is cut short.
 */
export function readAddress(bytes: Uint8Array): ReadAddress | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const family = bytes.length < FAMILY_BYTES ? null : view.getUint16(0, true);
  if (family === AF_UNIX) return readUnix(bytes.subarray(FAMILY_BYTES));
  if (family === AF_INET && bytes.length >= IPV4_BYTES)
    return { kind: "tcp", host: bytes.subarray(4, 8).join("."), port: view.getUint16(2) };
  if (family === AF_INET6 && bytes.length >= IPV6_BYTES)
    return { kind: "tcp", host: readIPv6(view), port: view.getUint16(2) };
  return null;
}

function readUnix(name: Uint8Array): ReadAddress {
  if (name[0] === 0) return { kind: "abstract", name: Buffer.from(name.subarray(1)).toString() };
  const end = name.indexOf(0);
  return { kind: "unix", path: Buffer.from(end < 0 ? name : name.subarray(0, end)).toString() };
}

function readIPv6(view: DataView): string {
  const groups = [0, 1, 2, 3, 4, 5, 6, 7].map((group) =>
    view.getUint16(8 + 2 * group).toString(16),
  );
  return new URL(`http://[${groups.join(":")}]/`).hostname.slice(1, -1);
}
