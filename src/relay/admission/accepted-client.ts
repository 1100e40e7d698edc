import { ipEndpoint, type IpEndpoint } from "../../address/ip-endpoint.ts";
import { tcpOwnEnd, tcpPeer } from "../../address/tcp-peer-or-saved-syn.ts";
import { libc } from "../../os/libc.ts";

/** An accepted socket. Bun's own types wrongly say that the addresses are always present. */
export interface AcceptedSocket {
  readonly fd: number;
  /**
   * Undefined for a Unix client, and for a TCP client that reset the connection before the relay
   * accepted it.
   */
  readonly remoteAddress?: string;
  readonly remotePort?: number;
  /** The local address that the client connected to; undefined for a Unix client. */
  readonly localAddress?: string;
  readonly localPort?: number;
}

/**
 * The facts that the relay knows about an accepted client. The relay looks up only the facts that
 * its options need.
 */
export interface AcceptedClient {
  readonly fd: number;
  /**
   * The endpoint of a TCP client; null for a Unix client. Null also for a TCP client, if no option
   * of the relay needs the endpoint.
   */
  readonly client: IpEndpoint | null;
  /**
   * The endpoint that a TCP client connected to; null for a Unix client. Null also for a TCP
   * client, if no option of the relay needs the endpoint.
   */
  readonly source: IpEndpoint | null;
}

/** The two ends of the connection that a proxy accepted. */
export interface ProxiedEnds {
  /** The proxy's client. */
  readonly client: IpEndpoint;
  /** The proxy's own address, to which the client connected. */
  readonly source: IpEndpoint;
}

/**
 * The reason why a PROXY header has no addresses of a TCP connection. `UNKNOWN` occurs in headers
 * of version 1. `LOCAL`, a Unix client (`unix`) and another family or protocol (`other`) occur in
 * headers of version 2.
 */
export type Unaddressed = "UNKNOWN" | "LOCAL" | "unix" | "other";

/** The facts about a client if no option of the relay needs any facts. */
export const UNIDENTIFIED: AcceptedClient = { fd: -1, client: null, source: null };

/**
 * Returns the facts about a TCP client; null if an address that the relay needs is unknown.
 *
 * @param wantsSource - whether `source` is needed, which costs a further system call
 */
export function identifyTcpClient(
  socket: AcceptedSocket,
  { wantsSource }: { readonly wantsSource: boolean },
): AcceptedClient | null {
  const { fd } = socket;
  const client = libc === null ? remoteEnd(socket) : tcpPeer(libc, fd);
  if (client === null) return null;
  if (!wantsSource) return { fd, client, source: null };
  const source = libc === null ? localEnd(socket) : tcpOwnEnd(libc, fd);
  return source?.address.family === client.address.family ? { fd, client, source } : null;
}

function remoteEnd({ remoteAddress, remotePort }: AcceptedSocket): IpEndpoint | null {
  return ipEndpoint(remoteAddress, remotePort);
}

function localEnd({ localAddress, localPort }: AcceptedSocket): IpEndpoint | null {
  return ipEndpoint(localAddress, localPort);
}
