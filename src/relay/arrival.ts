import { ipEndpoint, type IpEndpoint } from "../address/ip-endpoint.ts";
import { tcpOwnEnd, tcpPeer } from "../address/tcp-peer.ts";
import { libc } from "../os/libc.ts";

/** A socket that was accepted. Bun's types have the addresses always there. */
export interface AcceptedSocket {
  readonly fd: number;
  /** Absent of a Unix client, and of one that reset before it was accepted. */
  readonly remoteAddress?: string;
  readonly remotePort?: number;
  /** Where the client connected to. */
  readonly localAddress?: string;
  readonly localPort?: number;
}

/** A client that was accepted, as far as somebody needs to know it. */
export interface Arrival {
  readonly fd: number;
  /** A TCP client; null of a Unix client, and where nobody needs to know. */
  readonly client: IpEndpoint | null;
  /** Where a TCP client connected to; null of a Unix client, and where nobody needs to know. */
  readonly source: IpEndpoint | null;
}

/** A client of whom nobody needs to know anything. */
export const ANYBODY: Arrival = { fd: -1, client: null, source: null };

/** What the system says of a TCP client; null if it does not say who that is. */
export function tcpArrival(socket: AcceptedSocket): Arrival | null {
  const { fd } = socket;
  const client = libc === null ? remoteEnd(socket) : tcpPeer(libc, fd);
  const source = libc === null ? localEnd(socket) : tcpOwnEnd(libc, fd);
  if (client === null || source?.address.family !== client.address.family) return null;
  return { fd, client, source };
}

function remoteEnd({ remoteAddress, remotePort }: AcceptedSocket): IpEndpoint | null {
  return ipEndpoint(remoteAddress, remotePort);
}

function localEnd({ localAddress, localPort }: AcceptedSocket): IpEndpoint | null {
  return ipEndpoint(localAddress, localPort);
}
