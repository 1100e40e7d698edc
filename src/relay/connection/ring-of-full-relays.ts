import type { ConnectionsState } from "./connection.ts";

// The time for which clients count as leaving (`areClientsLeaving`) after the latest client has
// left without an answer, in milliseconds.
const LEAVING_TIME = 200;

/**
 * Returns whether clients are leaving a full relay without an answer: the latest such client left
 * within the last `LEAVING_TIME` milliseconds. While this is true, the relay ends a connection at
 * once when the connection's client leaves, and waits before it connects to the destination for a
 * new client.
 *
 * This delay is for relays that form a ring: the destination of each relay is the source of the
 * next relay. In a ring, each connection causes the next connection. When the client of the first
 * connection leaves, the connections end one after the other. But each ended connection frees a
 * place, and the relay then accepts a connection that waits in the kernel's queue. Without the
 * delay, this connection would at once cause new connections in the ring, so connections would end
 * and open for ever.
 *
 * The number of connections in a ring grows until one relay is full: it has reached its limit of
 * open connections. So clients begin to count as leaving only when a client leaves a full relay
 * without an answer. They continue to count as leaving while further clients leave without an
 * answer, even if the relay is not full any more. In a relay that was not full, a client that
 * resets its connection delays no other client.
 */
export function areClientsLeaving({ clientLeftAt }: ConnectionsState, now: number): boolean {
  return now - clientLeftAt < LEAVING_TIME;
}

/**
 * Call this when a client has left without an answer. If the relay is full, or if clients already
 * count as leaving (`areClientsLeaving`), clients count as leaving for the next `LEAVING_TIME`
 * milliseconds. In all other cases nothing changes.
 */
export function clientLeft(shared: ConnectionsState): void {
  const now = performance.now();
  if (shared.isFull() || areClientsLeaving(shared, now)) shared.clientLeftAt = now;
}
