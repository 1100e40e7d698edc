import { EPIPE } from "../../os/errno.ts";
import { FailedSocketBytes } from "../stream/unread-bytes-of-failed-socket.ts";
import type { Side } from "../stream/side.ts";
import type { Connection, ConnectionSide } from "./connection.ts";
import { areClientsLeaving } from "./clients-leaving.ts";
import { leaveSilently, settle } from "./settle-connection.ts";

// If a client closes its socket at least this time after its end of stream, in milliseconds, the
// relay concludes that the client ended its stream, waited, and then left. After a shorter time, a
// single close by the client may have caused both events.
const ENDED_BEFORE = 1_000;

/**
 * Passes on the end of stream of a side, and reports the half-closed connection. Called when Bun
 * reports the end of stream. If the relay itself has already found that the side failed, Bun
 * reports an end of stream instead of the failure; then this function handles the failure.
 */
export function sideEnded(side: ConnectionSide): void {
  const { connection, inbound } = side;
  if (hasFailed(side)) return sideFailed(side);
  if (inbound.state !== "flowing") return;
  inbound.end();
  connection.shared.observer.halfClosed(
    connection,
    side === connection.client ? "client" : "destination",
  );
  if (side === connection.client && connection.down.bytesRead === 0) clientEnded(connection);
  settle(connection);
}

/**
 * Stores the time of the client's end of stream. If no byte was sent in either direction, also
 * watches the client, because it may have left. Called when the client has sent its end of stream
 * and no byte has come from the destination.
 */
function clientEnded(connection: Connection): void {
  connection.clientEndedAt = performance.now();
  if (isSilent(connection)) connection.shared.departed.watch(connection);
}

/** Returns whether no byte has been read from either side. */
function isSilent({ up, down }: Connection): boolean {
  return up.bytesRead === 0 && down.bytesRead === 0;
}

/**
 * Removes a closed socket from its side, and ends both pipes of the side. The pipe that reads from
 * the side passes on an end of stream (`end`), or a failure if the side failed (`abort`). The pipe
 * that writes to the side drops its bytes (`break`). `code` is the code of the socket's error;
 * undefined if there was no error.
 */
export function sideClosed(side: ConnectionSide, code: string | undefined): void {
  const { connection, inbound, outbound } = side;
  connection.shared.lingering.delete(side);
  side.detach();
  if (isFailure(side, code)) sideFailed(side);
  inbound.end();
  outbound.break();
  if (side === connection.client) clientClosed(connection, code);
  settle(connection);
}

/**
 * Shows the destination that the client has gone, but only if this can lose no byte. Called when
 * the client's socket is closed. A destination that has not sent a byte has seen only the client's
 * end of stream, so it cannot tell whether the client still waits for an answer.
 *
 * | the client sent | destination | the destination sees                                 | only if the client                                                   |
 * | --------------- | ----------- | ---------------------------------------------------- | -------------------------------------------------------------------- |
 * | nothing         | any         | a reset (TCP) or a close (Unix)                      | failed, or ended its stream at least 1 s before its close            |
 * | bytes           | TCP         | a reset, after its kernel has acknowledged all bytes | failed                                                               |
 * | bytes           | Unix        | a close, after the kernel has accepted all bytes     | failed, or ended its stream at least `farewell` / 2 before its close |
 *
 * While many clients leave (`areClientsLeaving`), a client counts as failed if it sent nothing, or
 * if its destination is a Unix socket.
 */
function clientClosed(connection: Connection, code: string | undefined): void {
  const { attempt, down, destination, clientEndedAt, shared } = connection;
  if (down.bytesRead > 0) return;
  const now = performance.now();
  const hasFailed = code !== undefined;
  const hasGone = hasFailed || areClientsLeaving(shared, now);
  if (attempt !== null) {
    if (hasFailed && areClientsLeaving(shared, now)) leaveSilently(connection);
  } else if (isSilent(connection)) {
    if (hasGone || now - clientEndedAt >= ENDED_BEFORE) leaveSilently(connection);
  } else if (destination.isTcp) {
    // A reset can destroy bytes that a slow destination has not read. So the relay resets the
    // destination only if the client's socket failed.
    connection.clientGone = hasFailed;
  } else {
    // In a ring of relays the client is another relay, which closes about `farewell` after its end
    // of stream. So conclude that the client has gone if at least half of `farewell` has passed.
    connection.clientGone = hasGone || now - clientEndedAt >= shared.lingering.farewell / 2;
  }
}

/**
 * Keeps the unread bytes of a failed side in the kernel. Called when a paused side delivered bytes,
 * because only a failed TCP side does this. Bun would then read all bytes that the kernel has from
 * this side, perhaps more than a direction may hold. So the relay duplicates the descriptor, closes
 * Bun's socket, and reads the rest through the duplicate when the other side has room.
 */
export function pausedSideSent(side: ConnectionSide): void {
  const { inbound, socket } = side;
  if (inbound.state !== "flowing") return;
  const remains = FailedSocketBytes.of(side);
  if (remains === null) return;
  inbound.inherit(remains);
  sideClosed(side, undefined);
  socket?.terminate();
}

/**
 * Aborts the direction that reads from a failed side, so that the other side is reset after it has
 * got all bytes. A failure after the side's end of stream changes nothing. A client that fails
 * before the destination is reached is treated as a client that left.
 */
function sideFailed(side: ConnectionSide): void {
  const { connection, inbound } = side;
  if (inbound.state !== "flowing") return;
  if (connection.attempt === null)
    connection.ending ??= side === connection.client ? "client reset" : "destination reset";
  inbound.abort();
}

function isFailure(side: ConnectionSide, code: string | undefined): boolean {
  // If a reset arrives after the peer's FIN, Linux reports EPIPE (tcp_reset()). This is not a
  // failure, because the peer had already ended its stream.
  return hasFailed(side) || (code !== undefined && code !== "EPIPE");
}

/**
 * Returns whether the relay itself found that a side failed: by a system call, which removed the
 * error from the socket (SO_ERROR), or in `UnresponsivePeers`. Bun then reports a clean close, so
 * only the stored errno shows the failure.
 */
function hasFailed({ errno }: Side): boolean {
  return errno !== 0 && errno !== EPIPE;
}
