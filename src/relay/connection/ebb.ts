import type { ConnectionsState } from "./connection.ts";

// The length of an ebb (`isEbb`) after the latest client that left without an answer, in milliseconds.
const EBB = 200;

/**
 * Whether the ebb lasts: clients are leaving without an answer.
 *
 * In a ring of relays each connection causes the next one. When the first client leaves, the
 * connections end one after the other. Each end frees a place for the newest connection of the ring,
 * which waits in a kernel queue and then causes a further connection. Ends and new connections would go
 * around the ring at the same speed, for ever. So during the ebb the relay passes ends on at once and
 * delays new connections, until the ends have caught up.
 *
 * A ring grows until a relay is full. So the ebb begins only if a client leaves without an answer while
 * the relay is full, and lasts as long as further clients leave in this way. In a relay that is not
 * full, a client that resets delays no other client.
 */
export function isEbb({ clientLeftAt }: ConnectionsState, now: number): boolean {
  return now - clientLeftAt < EBB;
}

/**
 * Called when a client has left without an answer. Begins the ebb if the relay is full, or prolongs it.
 */
export function clientLeft(shared: ConnectionsState): void {
  const now = performance.now();
  if (shared.isFull() || isEbb(shared, now)) shared.clientLeftAt = now;
}
