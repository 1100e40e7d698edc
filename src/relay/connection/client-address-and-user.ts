import { ipEndpoint, printIpEndpoint } from "../../address/ip-endpoint.ts";
import { tcpPeer } from "../../address/tcp-peer-or-saved-syn.ts";
import { libc } from "../../os/libc.ts";
import { type Peer, readPeer } from "../../os/peer-credentials.ts";
import type { AcceptedClient } from "../admission/accepted-client.ts";
import type { Side } from "../stream/side.ts";

/**
 * Returns the address of a TCP client, such as `127.0.0.1:5678`; `""` for a Unix client, and for a
 * TCP client that has already gone.
 */
export function clientAddressOf({ socket, fd, isTcp }: Side, { client }: AcceptedClient): string {
  if (client !== null) return printIpEndpoint(client);
  if (!isTcp || socket === null) return "";
  // Prefer the relay's own system call, because Bun makes two system calls for the same address and
  // takes three times as long.
  const peer = libc === null ? endOf(socket) : tcpPeer(libc, fd);
  return peer === null ? "" : printIpEndpoint(peer);
}

/**
 * Returns the process, user and group of a Unix client; null for a TCP client, and if the kernel
 * does not report them.
 */
export function clientPeerOf({ fd, isTcp }: Side): Peer | null {
  if (isTcp || fd < 0 || libc === null) return null;
  const peer = readPeer(libc, fd);
  return "code" in peer ? null : peer;
}

/**
 * Returns the client's address as Bun knows it. If the client reset the connection before the
 * accept, the two properties of the socket are undefined, although Bun's types do not say so.
 */
function endOf(socket: { readonly remoteAddress?: string; readonly remotePort?: number }) {
  return ipEndpoint(socket.remoteAddress, socket.remotePort);
}
