import type { ConnectionsState } from "./connection.ts";

// The time for which an ebb (`isEbb`) lasts after a client has left without an answer, in
// milliseconds.
const EBB = 200;

/**
 * Returns whether an ebb lasts: clients leave without an answer, the latest one within the last
 * `EBB` milliseconds. During an ebb the relay ends connections at once and delays new connections.
 *
 * An ebb is for relays that form a ring, so that the destination of each relay is the source of the
 * next one. Each connection of the ring causes the next connection. When the client of the first
 * connection leaves, the connections end one after the other, around the ring. But each ended
 * connection frees a place for a connection that waits in a kernel queue. That connection then
 * causes new connections, also around the ring. Without the delay, ending and opening would follow
 * each other around the ring for ever.
 *
 * The connections of a ring become more until one relay has reached its limit of open connections
 * (is full). So an ebb begins only if a client leaves a full relay without an answer, and lasts as
 * long as further clients leave in this way. In a relay that is not full, a client that resets its
 * connection delays no other client.
 */
export function isEbb({ clientLeftAt }: ConnectionsState, now: number): boolean {
  return now - clientLeftAt < EBB;
}

/**
 * Begins an ebb if the relay is full, or prolongs the ebb that lasts. Called when a client has left
 * without an answer.
 */
export function clientLeft(shared: ConnectionsState): void {
  const now = performance.now();
  if (shared.isFull() || isEbb(shared, now)) shared.clientLeftAt = now;
}
