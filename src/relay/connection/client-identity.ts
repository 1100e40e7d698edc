import { ipEndpoint, printIpEndpoint } from "../../address/ip-endpoint.ts";
import { tcpPeer } from "../../address/tcp-peer.ts";
import { libc } from "../../os/libc.ts";
import { type Peer, readPeer } from "../../os/peer-credentials.ts";
import type { Arrival } from "../arrival.ts";
import type { Side } from "../stream/side.ts";

/** A TCP client's address as `127.0.0.1:5678`; `""` where it has none or is gone. */
export function clientAddressOf({ socket, fd, isTcp }: Side, { client }: Arrival): string {
  if (client !== null) return printIpEndpoint(client);
  if (!isTcp || socket === null) return "";
  // Bun takes two system calls and thrice the time.
  const peer = libc === null ? endOf(socket) : tcpPeer(libc, fd);
  return peer === null ? "" : printIpEndpoint(peer);
}

/** Whose process a Unix client is; null of a TCP client and where the kernel does not say. */
export function clientPeerOf({ fd, isTcp }: Side): Peer | null {
  if (isTcp || fd < 0 || libc === null) return null;
  const peer = readPeer(libc, fd);
  return "code" in peer ? null : peer;
}

/** Bun's types leave out that nothing is known of a client that reset before it was accepted. */
function endOf(socket: { readonly remoteAddress?: string; readonly remotePort?: number }) {
  return ipEndpoint(socket.remoteAddress, socket.remotePort);
}
