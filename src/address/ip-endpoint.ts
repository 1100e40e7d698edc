import { AF_INET, AF_INET6 } from "../os/linux-constants.ts";
import {
  ipAddress,
  type IpAddress,
  ipFromBytes,
  ipFromSocketBytes,
} from "./ip-address-and-ipv4-mapping.ts";
import { ipv4EndpointText } from "./parse-and-print-ip.ts";

/** An IP address with a port. */
export interface IpEndpoint {
  readonly address: IpAddress;
  readonly port: number;
}

/** Prints an endpoint: `127.0.0.1:80`, `[::1]:80`. */
export function printIpEndpoint({ address, port }: IpEndpoint): string {
  return address.family === "ipv4"
    ? ipv4EndpointText(address.bytes, port)
    : `[${address.text}]:${port}`;
}

/**
 * The endpoint of the host and port that a Bun socket reports. Null if Bun reports no host or no
 * port, for example because the peer has reset the connection.
 */
export function ipEndpoint(host: string | undefined, port: number | undefined): IpEndpoint | null {
  const address = host === undefined ? null : ipAddress(host);
  return address === null || port === undefined ? null : { address, port };
}

/**
 * The endpoint in a sockaddr_in (ip(7)) or sockaddr_in6 (ipv6(7)); null for another family or a
 * truncated sockaddr. The sockaddr is the first `length` bytes of `sockaddr`.
 */
export function readIpEndpoint(sockaddr: Uint8Array, length = sockaddr.length): IpEndpoint | null {
  if (length < 4 || sockaddr[1] !== 0) return null;
  // Do not use a DataView, because making a DataView takes longer than all other steps together,
  // and the access log needs this function for each client.
  const family = sockaddr[0];
  const port = (sockaddr[2] ?? 0) * 256 + (sockaddr[3] ?? 0);
  if (family === AF_INET && length >= 16)
    return { address: ipFromBytes(fourBytes(sockaddr)), port };
  if (family === AF_INET6 && length >= 28)
    return { address: ipFromSocketBytes(sockaddr.slice(8, 24)), port };
  return null;
}

/** Copies the address of a sockaddr_in. The method `slice` takes three times as long. */
function fourBytes(sockaddr: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4);
  for (let index = 0; index < 4; index += 1) bytes[index] = sockaddr[4 + index] ?? 0;
  return bytes;
}

const TCP = 6;

/**
 * The source address and source port of an IP packet that carries TCP (RFC 791 3.1, RFC 8200 3).
 * Null for any other packet, and for a packet with an extension header between the IP header and
 * the TCP header.
 */
export function readSender(packet: Uint8Array): IpEndpoint | null {
  const [first = 0] = packet;
  const isIPv4 = first >> 4 === 4;
  if (!isIPv4 && first >> 4 !== 6) return null;
  const protocol = packet[isIPv4 ? 9 : 6];
  const headerBytes = isIPv4 ? 4 * (first & 15) : 40;
  if (protocol !== TCP || packet.length < headerBytes + 2) return null;
  const port = viewOf(packet).getUint16(headerBytes);
  const bytes = isIPv4 ? packet.slice(12, 16) : packet.slice(8, 24);
  return { address: ipFromBytes(bytes), port };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
