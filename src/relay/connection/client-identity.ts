import { AF_INET, libc } from "../../os/libc.ts";
import { type Peer, readPeer } from "../../os/peer-credentials.ts";
import type { Side } from "../stream/side.ts";

// One for all: it is read before the next is asked for. sockaddr_in6 is the longest (ipv6(7)).
const sockaddr = new Uint8Array(28);

/** A TCP client's address as `127.0.0.1:5678`; `""` where it has none or is gone. */
export function clientAddressOf({ socket, fd, isTcp }: Side): string {
  if (!isTcp || socket === null) return "";
  const ipv4 = ipv4AddressOf(fd);
  if (ipv4 !== null) return ipv4;
  // Bun's types leave out that nothing is known of a client that reset before it was accepted.
  const { remoteAddress, remotePort }: { remoteAddress?: string; remotePort?: number } = socket;
  if (remoteAddress === undefined) return "";
  return remoteAddress.includes(":")
    ? `[${remoteAddress}]:${remotePort}`
    : `${remoteAddress}:${remotePort}`;
}

/** Whose process a Unix client is; null of a TCP client and where the kernel does not say. */
export function clientPeerOf({ fd, isTcp }: Side): Peer | null {
  if (isTcp || fd < 0 || libc === null) return null;
  const peer = readPeer(libc, fd);
  return "code" in peer ? null : peer;
}

/** By one system call; Bun takes two and thrice the time. A sockaddr_in: ip(7). */
function ipv4AddressOf(fd: number): string | null {
  if (libc === null || libc.peerName(fd, sockaddr) < 0 || sockaddr[0] !== AF_INET) return null;
  const port = 256 * (sockaddr[2] ?? 0) + (sockaddr[3] ?? 0);
  return `${sockaddr[4]}.${sockaddr[5]}.${sockaddr[6]}.${sockaddr[7]}:${port}`;
}
