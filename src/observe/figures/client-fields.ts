import type { ConnectionView } from "../../relay/observer.ts";

/** What a client is called of whom nothing is known. */
export const UNKNOWN_CLIENT = "a client";

/** A client as a person reads it: its address, or whose process it is. */
export function clientName({ clientAddress, clientPeer }: ConnectionView): string {
  if (clientAddress !== "") return clientAddress;
  if (clientPeer === null) return UNKNOWN_CLIENT;
  return `user ${clientPeer.uid}, process ${clientPeer.pid}`;
}

/** A client for programs; of a Unix client the ids that the kernel noted, where it did. */
export interface ClientFields {
  /** The address of a TCP client; empty where it has none. */
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
