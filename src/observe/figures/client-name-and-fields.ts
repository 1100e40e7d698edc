import type { ConnectionView } from "../../relay/observer.ts";

/** The name of a client whose address and user are both unknown. */
export const UNKNOWN_CLIENT = "a client";

/**
 * The name of a client in text for people: the client's address, or the user and process of a Unix
 * client.
 */
export function clientName({ clientAddress, clientPeer }: ConnectionView): string {
  if (clientAddress !== "") return clientAddress;
  if (clientPeer === null) return UNKNOWN_CLIENT;
  return `user ${clientPeer.uid}, process ${clientPeer.pid}`;
}

/**
 * A client in output for programs. The fields `client_uid`, `client_gid` and `client_pid` are
 * present exactly if the kernel reported the client's ids. The kernel reports ids only for a Unix
 * client.
 */
export interface ClientFields {
  /** The address of a TCP client; empty for a Unix client. */
  readonly client: string;
  readonly client_uid?: number;
  readonly client_gid?: number;
  readonly client_pid?: number;
}

/** The fields of a client. The logs and the status use the same names. */
export function clientFields({ clientAddress, clientPeer }: ConnectionView): ClientFields {
  if (clientPeer === null) return { client: clientAddress };
  const { uid, gid, pid } = clientPeer;
  return { client: clientAddress, client_uid: uid, client_gid: gid, client_pid: pid };
}
