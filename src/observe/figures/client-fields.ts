import type { ConnectionView } from "../../relay/observer.ts";

/** The name of a client that nothing is known about. */
export const UNKNOWN_CLIENT = "a client";

/** A client's name for people: its address, or the user and process of a Unix client. */
export function clientName({ clientAddress, clientPeer }: ConnectionView): string {
  if (clientAddress !== "") return clientAddress;
  if (clientPeer === null) return UNKNOWN_CLIENT;
  return `user ${clientPeer.uid}, process ${clientPeer.pid}`;
}

/** The client that a connection belongs to: an address without its port, or a Unix user. */
export function clientGroup({ clientAddress, clientPeer }: ConnectionView): string {
  if (clientAddress !== "") return clientAddress.replace(/:\d+$/, "");
  return clientPeer === null ? UNKNOWN_CLIENT : `user ${clientPeer.uid}`;
}

/** A client for programs. A Unix client has the ids that the kernel knows, if it knows them. */
export interface ClientFields {
  /** The address of a TCP client; empty for a Unix client. */
  readonly client: string;
  readonly client_uid?: number;
  readonly client_gid?: number;
  readonly client_pid?: number;
}

/** A client's fields, under the same names in logs and in the status. */
export function clientFields({ clientAddress, clientPeer }: ConnectionView): ClientFields {
  if (clientPeer === null) return { client: clientAddress };
  const { uid, gid, pid } = clientPeer;
  return { client: clientAddress, client_uid: uid, client_gid: gid, client_pid: pid };
}
