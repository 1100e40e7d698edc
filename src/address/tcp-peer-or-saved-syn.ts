import type { Libc } from "../os/libc.ts";
import { IPPROTO_TCP, TCP_SAVE_SYN, TCP_SAVED_SYN } from "../os/linux-constants.ts";
import { type IpEndpoint, readIpEndpoint, readSender } from "./ip-endpoint.ts";

// The buffer for a sockaddr; each call overwrites it. sockaddr_in6 is the longest sockaddr of TCP
// (ipv6(7)).
const sockaddr = new Uint8Array(28);

// The size of the buffer for the headers of a SYN, in bytes. An IPv4 header and a TCP header have
// at most 60 bytes each, and an IPv6 header has 40 bytes.
const SYN_BYTES = 160;

/**
 * Tells the kernel to save the first packet (SYN) of each client of a listening socket. The kernel
 * keeps these bytes, about 100 for each client, until the relay reads the packet or closes the
 * connection (Linux 4.2, TCP_SAVE_SYN of linux/tcp.h).
 */
export function keepFirstPackets(system: Libc, listener: number): void {
  // Ignore the result, because the relay also works on an older kernel without this option. On such
  // a kernel, `tcpPeer` returns null for a client that has already reset its connection.
  system.setOption(listener, IPPROTO_TCP, TCP_SAVE_SYN, 1);
}

/**
 * The address and port of a TCP socket's peer. getpeername(2) answers only until the peer resets
 * the connection. After the reset the address comes from the saved SYN, if the listener saves SYN
 * packets. Null if the address cannot be found in either way.
 */
export function tcpPeer(system: Libc, fd: number): IpEndpoint | null {
  const length = system.peerName(fd, sockaddr);
  if (length >= 0) return readIpEndpoint(sockaddr, length);
  const packet = new Uint32Array(SYN_BYTES / Uint32Array.BYTES_PER_ELEMENT);
  const bytes = system.getOptionWords(fd, IPPROTO_TCP, TCP_SAVED_SYN, packet);
  return bytes <= 0 ? null : readSender(new Uint8Array(packet.buffer, 0, bytes));
}

/** The local endpoint of a TCP socket; null if the kernel does not report the endpoint. */
export function tcpOwnEnd(system: Libc, fd: number): IpEndpoint | null {
  const length = system.name(fd, sockaddr);
  return length < 0 ? null : readIpEndpoint(sockaddr, length);
}
