import type { Libc } from "../../os/libc.ts";
import { mayBeLocalPort } from "../../os/local-port-range.ts";

// A buffer for the address of a socket's peer, overwritten at each use. Its size is the size of
// sockaddr_in6, the longest sockaddr of TCP (ipv6(7)).
const PEER_NAME = new Uint8Array(28);
// A buffer of the same size for the local address of a socket.
const OWN_NAME = new Uint8Array(28);

/** What has become of a connect: `itself` means that the socket is connected to itself. */
export type ConnectState = "not connected" | "connected" | "itself";

/**
 * Returns whether a TCP socket is connected. This function makes no second connect(2): if the
 * connection was reset meanwhile, a second connect would report the reset and discard the received
 * bytes.
 *
 * @param netns - the network namespace of the socket; undefined for the namespace of this process
 */
export function stateOfConnect(system: Libc, fd: number, netns: string | undefined): ConnectState {
  if (system.peerName(fd, PEER_NAME) < 0) return "not connected";
  return isItself(system, fd, netns) ? "itself" : "connected";
}

/**
 * Whether a socket is connected to itself. The caller has stored the address of the socket's peer
 * in `PEER_NAME`. If nobody listens on a loopback port in the range of local ports, the kernel may
 * choose that same port as the local port, and TCP's simultaneous open connects the socket to
 * itself (RFC 9293 3.5).
 */
function isItself(system: Libc, fd: number, netns: string | undefined): boolean {
  const port = (PEER_NAME[2] ?? 0) * 256 + (PEER_NAME[3] ?? 0);
  // A port outside the range of local ports is never the socket's own port. Most services listen on
  // such a port, so the system call for the own address is rarely needed. In another network
  // namespace the range may differ, so always make the system call.
  if (netns === undefined && !mayBeLocalPort(port)) return false;
  const length = system.name(fd, OWN_NAME);
  // The loop is short, because the ports come first in the sockaddr and almost always differ.
  for (let at = 0; at < length; at += 1) if (OWN_NAME[at] !== PEER_NAME[at]) return false;
  return length > 0;
}
