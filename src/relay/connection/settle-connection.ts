import type { Ending } from "../observer.ts";
import type { Connection, ConnectionSide } from "./connection.ts";
import { clientLeft } from "./ebb.ts";
import type { Outcome } from "./lingering-close.ts";

/** Ends a connection at once. A TCP peer sees a reset, a Unix peer a close. */
export function destroy(connection: Connection, ending: Ending): void {
  const { client, destination, attempt, up, down } = connection;
  connection.ending ??= ending;
  connection.attempt = null;
  attempt?.cancel();
  // Abort both pipes first. Otherwise the close of the first side would send an end of stream to the
  // second side before its reset.
  up.abort();
  down.abort();
  client.terminate();
  destination.terminate();
  settle(connection);
}

/**
 * Ends a connection because a stop no longer waits for the connection's end.
 *
 * @returns whether the connection was cut; false if one side was closed and the other side had taken
 *   all bytes and only had to close
 */
export function cutOff(connection: Connection): boolean {
  const { client, destination } = connection;
  const last = client.socket === null ? destination : client;
  const hasAll = last.outbound.state === "ended" && last.pending === 0 && last.unsent() === 0;
  if (last.peer.socket !== null || !hasAll) {
    destroy(connection, "stopped");
    return true;
  }
  last.close();
  return false;
}

/**
 * Moves a connection towards its end if one of its sides is gone. Call this after a side closed, and
 * after bytes were written to a side, because they may have been the last ones.
 */
export function settle(connection: Connection): void {
  const { client, destination } = connection;
  if (connection.attempt !== null) {
    if (client.socket === null || connection.attempt.retrying) leave(connection);
  } else if (client.socket === null && destination.socket === null) {
    finish(connection);
  } else if (client.socket === null) {
    windUp(destination);
  } else if (destination.socket === null) {
    windUp(client);
  }
}

/**
 * Called when the client has closed before the destination was reached, and at each `settle` while the
 * attempt retries. The relay still delivers the bytes that the client sent. A client that ended its
 * stream without a byte may wait for a greeting. But the relay ends the connection while the attempt
 * retries, because a destination that cannot be reached sends no greeting.
 */
function leave(connection: Connection): void {
  const { up, client } = connection;
  if (up.held > 0 && up.state !== "aborting") return;
  if (client.socket !== null && up.state === "flowing") return;
  destroy(connection, "client left");
}

/**
 * Called when the peer of this side is gone. The side lingers. If the peer ended cleanly, the relay
 * first writes the bytes that it holds for the side.
 */
function windUp(side: ConnectionSide): void {
  const { inbound, outbound, connection } = side;
  // Both directions have passed on their end of stream, so Bun closes the socket in this turn or the
  // next.
  if (inbound.state === "ended" && outbound.state === "ended") return;
  // The relay still holds bytes for this side, and the side may take these bytes without a time limit.
  if (outbound.state === "ending") return;
  const isFailure = outbound.state === "aborting" || connection.clientGone;
  const outcome: Outcome = isFailure ? "reset" : "close";
  connection.shared.lingering.add(side, outcome);
}

/** Called when both sides are gone: removes and reports the connection. */
function finish(connection: Connection): void {
  const { shared, up, down } = connection;
  if (!shared.connections.delete(connection)) return;
  shared.departed.forget(connection);
  const hasLeft = connection.ending === "client left" || connection.clientGone;
  if (hasLeft && connection.connectedAt !== null) clientLeft(shared);
  // Drop the bytes that are still held, for example for a destination that was never reached.
  up.break();
  down.break();
  const whole = up.dropped === 0 && down.dropped === 0;
  shared.observer.closed(connection, connection.ending ?? (whole ? "finished" : "abandoned"));
  shared.ended(connection);
}

/** Ends a connection on which no byte was sent, because the client has left. */
export function leaveSilently(connection: Connection): void {
  destroy(connection, "client left");
}
