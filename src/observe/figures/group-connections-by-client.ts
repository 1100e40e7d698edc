import type { ConnectionView } from "../../relay/observer.ts";
import { UNKNOWN_CLIENT } from "./client-name-and-fields.ts";

/**
 * The key under which the connections of one client are counted together: the address without the
 * port, the Unix user, or `UNKNOWN_CLIENT` if both are unknown.
 */
export function clientGroup({ clientAddress, clientPeer }: ConnectionView): string {
  if (clientAddress !== "") return clientAddress.replace(/:\d+$/, "");
  return clientPeer === null ? UNKNOWN_CLIENT : `user ${clientPeer.uid}`;
}
