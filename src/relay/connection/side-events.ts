import { EPIPE } from "../../os/errno.ts";
import { FailedSocketBytes } from "../stream/unread-bytes-of-failed-socket.ts";
import type { Ending } from "../observer.ts";
import type { Side } from "../stream/side.ts";
import type { ConnectionSide } from "./connection.ts";
import { settle } from "./settle-connection.ts";
import { clientClosed, clientEnded } from "./show-destination-that-client-left.ts";

/**
 * Passes on the end of stream of a side, and reports the half-closed connection. Called when Bun
 * reports the end of stream. If the relay itself has already found that the side failed, Bun
 * reports an end of stream instead of the failure. In this case this function handles the failure.
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
 * Removes a closed socket from its side, and ends both pipes of the side. The pipe that reads from
 * the side passes on an end of stream, or a failure if the side failed (`sideFailed`). The pipe
 * that writes to the side drops its bytes. `code` is the code of the socket's error; undefined if
 * there was no error.
 */
export function sideClosed(side: ConnectionSide, code: string | undefined): void {
  const { connection, inbound, outbound } = side;
  connection.shared.lingering.delete(side);
  side.detach();
  if (isFailure(side, code)) sideFailed(side);
  if (code !== undefined) sideRefused(side);
  inbound.end();
  outbound.break();
  if (side === connection.client) clientClosed(connection, code);
  settle(connection);
}

/**
 * Closes the socket of a failed side, but keeps the bytes that nobody has read from the side: the
 * relay duplicates the descriptor, so that the bytes stay in the kernel, and reads them through the
 * duplicate when the other side has room. Does nothing if there are no such bytes, or if the side
 * has not failed. Call this in two cases:
 *
 * - Bun delivered bytes although its reading from the side is paused. This happens only if a TCP
 *   side has failed. Bun would go on and read all bytes that the kernel has from this side, perhaps
 *   more than a direction may hold.
 * - The relay itself is about to close the side's socket because the side failed.
 */
export function keepUnreadBytes(side: ConnectionSide): void {
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
  if (connection.attempt === null) connection.ending ??= resetBy(side);
  inbound.abort();
}

/**
 * Stores the cause of the connection's end, if a side failed after its end of stream but before it
 * had got the whole stream of the other side. If the relay had read bytes for this side, these
 * bytes may be the reason for the reset: the side had closed its socket before they came.
 */
function sideRefused(side: ConnectionSide): void {
  const { connection, inbound, outbound } = side;
  const hadEnded = inbound.state === "ended" || inbound.state === "ending";
  const isOwed = outbound.state === "flowing" || outbound.state === "ending";
  if (connection.attempt !== null || !hadEnded || !isOwed) return;
  connection.ending ??= outbound.bytesRead > 0 ? "abandoned" : resetBy(side);
}

/** Returns the ending of a connection whose `side` has failed. */
function resetBy(side: ConnectionSide): Ending {
  return side === side.connection.client ? "client reset" : "destination reset";
}

function isFailure(side: ConnectionSide, code: string | undefined): boolean {
  // If a reset arrives after the peer's FIN, Linux reports EPIPE (tcp_reset()). This is not a
  // failure, because the peer had already ended its stream.
  return hasFailed(side) || (code !== undefined && code !== "EPIPE");
}

/**
 * Returns whether the relay itself found that a side failed: by a system call, which removed the
 * error from the socket (SO_ERROR), or in `UnresponsivePeers`. Bun reports a clean close for such a
 * side, so only the stored errno shows the failure.
 */
function hasFailed({ errno }: Side): boolean {
  return errno !== 0 && errno !== EPIPE;
}
