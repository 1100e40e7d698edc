import { printIpEndpoint } from "../../address/ip-endpoint.ts";
import { loaded } from "../../os/libc.ts";
import { type Peer, readPeer } from "../../os/peer-credentials.ts";
import type { AcceptedClient } from "./accepted-client.ts";

/**
 * Describes an accepted client for messages: the address of a TCP client, or the user, group and
 * process of a Unix client; `""` if unknown.
 */
export function printAccepted({ fd, client }: AcceptedClient): string {
  if (client !== null) return printIpEndpoint(client);
  const peer = loaded.libc === null || fd < 0 ? null : readPeer(loaded.libc, fd);
  return peer === null || "code" in peer ? "" : printPeer(peer);
}

/** Describes a Unix client for messages, by the user, group and process of the client. */
export function printPeer({ pid, uid, gid }: Peer): string {
  return `user ${uid}, group ${gid}, process ${pid}`;
}
