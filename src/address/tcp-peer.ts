import { IPPROTO_TCP, type Libc, TCP_SAVE_SYN, TCP_SAVED_SYN } from "../os/libc.ts";
import { type IpEndpoint, readIpEndpoint, readSender } from "./ip-endpoint.ts";

// Filled anew at each use. sockaddr_in6 is the longest that is asked for (ipv6(7)).
const sockaddr = new Uint8Array(28);

// The headers of a SYN: 40 bytes of IPv6, or at most 60 of IPv4, and at most 60 of TCP.
const SYN_BYTES = 160;

/**
 * Lets the kernel keep the first packet of each client of a listening socket, until it is asked for or
 * the connection is closed: about 100 bytes each (Linux 4.2, TCP_SAVE_SYN of linux/tcp.h).
 */
export function keepFirstPackets(system: Libc, listener: number): void {
  // An older kernel refuses: a client that has reset then has no address.
  system.setOption(listener, IPPROTO_TCP, TCP_SAVE_SYN, 1);
}

/**
 * Who a TCP socket is connected to. The kernel says so of an open connection (getpeername(2)), and no
 * more once the peer has reset it; then the first packet does, if the listener keeps them. Null if
 * neither is to be had.
 */
export function tcpPeer(system: Libc, fd: number): IpEndpoint | null {
  const length = system.peerName(fd, sockaddr);
  if (length >= 0) return readIpEndpoint(sockaddr.subarray(0, length));
  const packet = new Uint32Array(SYN_BYTES / Uint32Array.BYTES_PER_ELEMENT);
  const bytes = system.getOptionWords(fd, IPPROTO_TCP, TCP_SAVED_SYN, packet);
  return bytes <= 0 ? null : readSender(new Uint8Array(packet.buffer, 0, bytes));
}

/** The own end of a TCP socket; null if the kernel does not say. */
export function tcpOwnEnd(system: Libc, fd: number): IpEndpoint | null {
  const length = system.name(fd, sockaddr);
  return length < 0 ? null : readIpEndpoint(sockaddr.subarray(0, length));
}
