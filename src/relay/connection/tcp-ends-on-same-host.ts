import type { IpEndpoint } from "../../address/ip-endpoint.ts";
import { isLoopbackAddress } from "../../address/loopback.ts";
import { type AcceptedSocket, identifyTcpClient } from "../admission/accepted-client.ts";

/** Both ends of a TCP connection, seen from the relay's own socket. */
export interface TcpEnds {
  /** The other end of the connection. */
  readonly peer: IpEndpoint;
  /** The end that is the relay's own socket. */
  readonly own: IpEndpoint;
}

/**
 * Returns both ends of the TCP connection that a socket of the relay has with a peer on this
 * machine. Null if the peer is on another machine, or if the kernel does not tell the ends.
 */
export function endsWithLocalPeer(socket: AcceptedSocket): TcpEnds | null {
  const ends = identifyTcpClient(socket, { wantsSource: true });
  if (ends === null || ends.client === null || ends.source === null) return null;
  const { client: peer, source: own } = ends;
  return isOnThisMachine(peer, own) ? { peer, own } : null;
}

function isOnThisMachine({ address: peer }: IpEndpoint, { address: own }: IpEndpoint): boolean {
  return peer.text === own.text || isLoopbackAddress(peer.text);
}
