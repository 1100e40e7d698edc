import { ipEndpoint, printIpEndpoint } from "../../address/ip-endpoint.ts";
import { tcpPeer } from "../../address/tcp-peer.ts";
import { libc } from "../../os/libc.ts";
import { type Peer, readPeer } from "../../os/peer-credentials.ts";
import type { AcceptedClient } from "../accepted-client.ts";
import type { Side } from "../stream/side.ts";

/** A TCP client's address, such as `127.0.0.1:5678`; `""` of a Unix client and of one that is gone. */
export function clientAddressOf({ socket, fd, isTcp }: Side, { client }: AcceptedClient): string {
  if (client !== null) return printIpEndpoint(client);
  if (!isTcp || socket === null) return "";
  // Bun needs two system calls for it, and three times as long.
  const peer = libc === null ? endOf(socket) : tcpPeer(libc, fd);
  return peer === null ? "" : printIpEndpoint(peer);
}

/** The process of a Unix client and its user; null of a TCP client, and if the kernel does not tell. */
export function clientPeerOf({ fd, isTcp }: Side): Peer | null {
  if (isTcp || fd < 0 || libc === null) return null;
  const peer = readPeer(libc, fd);
  return "code" in peer ? null : peer;
}

/** Bun's types omit that both are undefined of a client that reset before it was accepted. */
function endOf(socket: { readonly remoteAddress?: string; readonly remotePort?: number }) {
  return ipEndpoint(socket.remoteAddress, socket.remotePort);
}
