import type { ConnectionsState } from "./connection.ts";

// The time in milliseconds for which clients count as leaving (`areClientsLeaving`) after the last
// one has left a full relay without an answer.
const LEAVING_TIME = 200;

/**
 * Returns whether clients are leaving a full relay without an answer: the latest one left within
 * the last `LEAVING_TIME` milliseconds. In this time the relay ends connections at once and delays
 * new connections.
 *
 * This is for relays that form a ring, so that the destination of each relay is the source of the
 * next one. Each connection of the ring causes the next connection. When the client of the first
 * connection leaves, the connections end one after the other, around the ring. But each ended
 * connection frees a place for a connection that waits in a kernel queue. That connection then
 * causes new connections, also around the ring. Without the delay, ending and opening would follow
 * each other around the ring for ever.
 *
 * The connections of a ring become more until one relay has reached its limit of open connections
 * (is full). So the time begins only if a client leaves a full relay without an answer, and lasts
 * as long as further clients leave in this way. In a relay that is not full, a client that resets
 * its connection delays no other client.
 */
export function areClientsLeaving({ clientLeftAt }: ConnectionsState, now: number): boolean {
  return now - clientLeftAt < LEAVING_TIME;
}

/**
 * Call this when a client has left without an answer: clients count as leaving from now on if the
 * relay is full, and count longer if they do already.
 */
export function clientLeft(shared: ConnectionsState): void {
  const now = performance.now();
  if (shared.isFull() || areClientsLeaving(shared, now)) shared.clientLeftAt = now;
}
