import { IPPROTO_TCP, type Libc, TCP_SAVE_SYN, TCP_SAVED_SYN } from "../os/libc.ts";
import { type IpEndpoint, readIpEndpoint, readSender } from "./ip-endpoint.ts";

// Overwritten at each use. sockaddr_in6 is the longest sockaddr of TCP (ipv6(7)).
const sockaddr = new Uint8Array(28);

// The longest headers of a SYN: IPv6 40 bytes or IPv4 at most 60 bytes, then TCP at most 60 bytes.
const SYN_BYTES = 160;

/**
 * Tells the kernel to save each client's first packet (SYN) on a listening socket, until the relay
 * reads the packet or closes the connection: about 100 bytes each (Linux 4.2, TCP_SAVE_SYN of
 * linux/tcp.h).
 */
export function keepFirstPackets(system: Libc, listener: number): void {
  // An older kernel refuses: a client that resets early then has no address.
  system.setOption(listener, IPPROTO_TCP, TCP_SAVE_SYN, 1);
}

/**
 * The peer of a TCP socket. getpeername(2) answers only until the peer resets the connection. After
 * that the saved SYN has the address, if the listener saves SYN packets. Null if both are missing.
 */
export function tcpPeer(system: Libc, fd: number): IpEndpoint | null {
  const length = system.peerName(fd, sockaddr);
  if (length >= 0) return readIpEndpoint(sockaddr.subarray(0, length));
  const packet = new Uint32Array(SYN_BYTES / Uint32Array.BYTES_PER_ELEMENT);
  const bytes = system.getOptionWords(fd, IPPROTO_TCP, TCP_SAVED_SYN, packet);
  return bytes <= 0 ? null : readSender(new Uint8Array(packet.buffer, 0, bytes));
}

/** The local endpoint of a TCP socket; null if the kernel does not give it. */
export function tcpOwnEnd(system: Libc, fd: number): IpEndpoint | null {
  const length = system.name(fd, sockaddr);
  return length < 0 ? null : readIpEndpoint(sockaddr.subarray(0, length));
}
