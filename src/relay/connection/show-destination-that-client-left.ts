import { loaded } from "../../os/libc.ts";
import type { Side } from "../stream/side.ts";
import type { Connection } from "./connection.ts";
import { areClientsLeaving } from "./ring-of-full-relays.ts";
import { leaveSilently, settle } from "./settle-connection.ts";
import { endsWithLocalPeer } from "./tcp-ends-on-same-host.ts";

// If a client leaves at least this time after its end of stream, in milliseconds, the relay
// concludes that the client ended its stream, waited, and then left. After a shorter time, a single
// close by the client may have caused both the end of stream and the leaving.
const ENDED_BEFORE = 1_000;

/**
 * Stores the time of the client's end of stream, and watches the client from now on, to notice when
 * the client leaves (`clientDeparted`). Called when the client has sent its end of stream and no
 * byte has come from the destination.
 */
export function clientEnded(connection: Connection): void {
  connection.clientEndedAt = performance.now();
  connection.shared.departed.watch(connection);
}

/** Returns whether no byte has been read from either side. */
function isSilent({ up, down }: Connection): boolean {
  return up.bytesRead === 0 && down.bytesRead === 0;
}

/**
 * Shows the destination that the client has gone, but only if this can lose no byte. Called when
 * the client's socket is closed. Does nothing if the destination has sent a byte. A destination
 * that has sent nothing cannot tell by the client's end of stream whether the client has gone or
 * waits for an answer.
 *
 * The destination sees a reset (TCP) or a close (Unix), after its kernel has got all bytes of the
 * client, in each of the following cases:
 *
 * - The client sent nothing, and failed or left at least 1 s after its end of stream.
 * - The client sent bytes, and failed.
 * - The client sent bytes, and has gone for good (`hasGoneForGood`), and the destination is on this
 *   machine (`losesNothing`).
 *
 * While clients are leaving (`areClientsLeaving`), a client counts as failed if it sent nothing, or
 * if its destination is a Unix socket.
 *
 * If the destination is not reached yet, this function ends the connection only if the client
 * failed while clients are leaving. In all other cases `settle` decides.
 *
 * @param code - the code of the socket's error; undefined if the client did not fail
 */
export function clientClosed(connection: Connection, code: string | undefined): void {
  const { attempt, down, destination, clientEndedAt, shared } = connection;
  if (down.bytesRead > 0) return;
  const now = performance.now();
  const hasFailed = code !== undefined;
  const hasGone = hasFailed || areClientsLeaving(shared, now);
  if (attempt !== null) {
    if (hasFailed && areClientsLeaving(shared, now)) leaveSilently(connection);
  } else if (isSilent(connection)) {
    if (hasGone || now - clientEndedAt >= ENDED_BEFORE) leaveSilently(connection);
  } else if (destination.isTcp ? hasFailed : hasGone) {
    connection.clientGone = true;
  } else {
    connection.clientGone ||= hasGoneForGood(connection, now) && losesNothing(destination);
  }
}

/**
 * Ends a connection whose client has left after its end of stream, if this can lose no byte; see
 * `clientClosed`. Called by `DepartedLocalClients`, again and again, because a later call may find
 * that the client has gone for good.
 */
export function clientDeparted(connection: Connection): void {
  const { client, destination, shared } = connection;
  if (isSilent(connection)) return leaveSilently(connection);
  if (!mayGiveUpClient(connection) || !losesNothing(destination)) return;
  connection.clientGone = true;
  // The destination may already linger with the outcome `close`. End this lingering, so that
  // `settle` can choose the outcome `reset`.
  shared.lingering.delete(destination);
  if (client.socket === null) settle(connection);
  else client.terminate();
}

/**
 * Returns whether `clientDeparted` may end a connection now if the connection's client has gone. If
 * not, the caller need not find out whether the client has gone.
 */
export function mayGiveUpClient(connection: Connection): boolean {
  if (isSilent(connection)) return true;
  if (connection.attempt !== null || connection.clientGone) return false;
  return hasGoneForGood(connection, performance.now());
}

/**
 * Returns whether a client that is gone had ended its stream so long ago that it does not wait for
 * an answer. In a ring of relays the client is another relay, which closes its socket about
 * `farewell` after its end of stream. At that close, half of `farewell` is certainly over, so this
 * half is the time limit. In a full relay, or while clients are leaving, the places are needed, so
 * the limit is 1 s at most.
 */
function hasGoneForGood({ clientEndedAt, shared }: Connection, now: number): boolean {
  const needsPlaces = shared.isFull() || areClientsLeaving(shared, now);
  const longest = shared.lingering.farewell / 2;
  return now - clientEndedAt >= (needsPlaces ? Math.min(ENDED_BEFORE, longest) : longest);
}

/**
 * Returns whether the destination's process can still read all bytes that the kernel of its machine
 * has, if the relay resets (TCP) or closes (Unix) the socket after the end of stream. On Linux this
 * is true for a process on this machine: its reads give the bytes, then the end of stream, and only
 * its writes fail. The kernel of another machine may drop the bytes at a reset. Without FFI the
 * relay does not know which bytes the kernel has (`Side.unsent`), so the answer for TCP is false.
 */
function losesNothing({ isTcp, socket }: Side): boolean {
  if (!isTcp) return true;
  return loaded.libc !== null && socket !== null && endsWithLocalPeer(socket) !== null;
}
