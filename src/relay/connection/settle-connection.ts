import { TappedPipe } from "../capture/tapped-pipe.ts";
import type { Ending } from "../observer.ts";
import type { Connection, ConnectionSide } from "./connection.ts";
import { clientLeft } from "./ring-of-full-relays.ts";
import type { Outcome } from "./lingering-close.ts";

/** Ends a connection at once. A TCP peer sees a reset, a Unix peer a close. */
export function destroy(connection: Connection, ending: Ending): void {
  const { client, destination, attempt, up, down } = connection;
  connection.ending ??= ending;
  connection.attempt = null;
  attempt?.cancel();
  // Abort both pipes first. Otherwise, when the first side is closed, the second side would get an
  // end of stream before it is reset.
  up.abort();
  down.abort();
  client.terminate();
  destination.terminate();
  settle(connection);
}

/**
 * Ends a connection, because the stopping relay no longer waits until the connection ends by
 * itself.
 *
 * @returns true if the connection was cut: it was reset before all bytes were delivered, or while
 *   both sides were open. False if one side was already closed and the other side had taken all
 *   bytes; in this case the relay only closes the other side.
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
 * Checks whether a connection can end, and takes the next step if it can. If one side is gone, the
 * other side lingers. If both sides are gone, or if the client left before the destination was
 * reached, the connection ends. Call this after each event that may allow the next step: a side
 * closed or ended its stream, held bytes were written to a side, or the attempt began to retry.
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
 * Ends a connection whose destination was not reached yet, if its client has left. If the client
 * sent bytes and did not fail, the connection continues, because the relay can still deliver the
 * bytes.
 *
 * If the attempt retries, a client that ended its stream and sent no byte also counts as having
 * left. Such a client may wait for a greeting, but a destination that cannot be reached sends no
 * greeting.
 */
function leave(connection: Connection): void {
  const { up, client } = connection;
  if (up.held > 0 && up.state !== "aborting") return;
  if (client.socket !== null && up.state === "flowing") return;
  destroy(connection, "client left");
}

/**
 * Lets a side linger, because the other side of the connection is gone. The relay still delivers
 * the bytes for this side, and then ends this side: by a reset if the other side failed, or if the
 * destination must see that the client has gone (`clientGone`); otherwise by a close.
 */
function windUp(side: ConnectionSide): void {
  const { inbound, outbound, connection } = side;
  // Both directions have passed on their end of stream, so no byte is unread, and the kernel still
  // delivers the bytes that it has accepted. Close the socket now, because Bun would close it only
  // at the socket's next event.
  if (inbound.state === "ended" && outbound.state === "ended") return side.close();
  // The relay still holds bytes for this side. Wait without a time limit until the side has taken
  // them; `settle` is called again after each write.
  if (outbound.state === "ending") return;
  const isFailure = outbound.state === "aborting" || connection.clientGone;
  const outcome: Outcome = isFailure ? "reset" : "close";
  connection.shared.lingering.add(side, outcome);
}

/**
 * Removes a connection from the open connections and reports its end. Called when both sides are
 * gone.
 */
function finish(connection: Connection): void {
  const { shared, up, down } = connection;
  if (!shared.connections.delete(connection)) return;
  shared.departed.forget(connection);
  if (connection.clientGone && connection.connectedAt !== null) clientLeft(shared);
  // Drop the bytes that are still held, for example for a destination that was never reached.
  up.break();
  down.break();
  if (up instanceof TappedPipe) up.conversation.over();
  const whole = up.dropped === 0 && down.dropped === 0;
  shared.observer.closed(connection, connection.ending ?? (whole ? "finished" : "abandoned"));
  shared.ended(connection);
}

/**
 * Ends a connection at once, because the client has left before the destination sent a byte. The
 * ending is `client left`, or `client reset` if the client has reset its connection.
 */
export function leaveSilently(connection: Connection): void {
  connection.clientGone = true;
  destroy(connection, "client left");
}
