import { EPIPE } from "../../os/errno.ts";
import { FailedSocketBytes } from "../stream/unread-bytes-of-failed-socket.ts";
import type { Side } from "../stream/side.ts";
import type { Connection, ConnectionSide } from "./connection.ts";
import { isEbb } from "./ebb.ts";
import { leaveSilently, settle } from "./settle-connection.ts";

// If at least this many milliseconds lie between a client's end of stream and the close of its socket,
// the client ended its stream first and then waited. With less time, both may come from one close.
const ENDED_BEFORE = 1_000;

/** Called when a side has sent its end of stream. */
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

/** Called when a client has sent its end of stream and no byte has come from the destination. */
function clientEnded(connection: Connection): void {
  connection.clientEndedAt = performance.now();
  if (isSilent(connection)) connection.shared.departed.watch(connection);
}

/** Whether no byte has been read from either side. */
function isSilent({ up, down }: Connection): boolean {
  return up.bytesRead === 0 && down.bytesRead === 0;
}

/**
 * Called when the socket of a side is closed. `code` is the error's code; undefined if the socket did
 * not fail.
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
 * Called when the client's socket is closed. A destination that has not sent a byte knows only the
 * client's end of stream, so the destination cannot tell whether the client still waits for an answer.
 * The relay shows the destination that the client has gone, in the cases in which no byte is lost by
 * that:
 *
 * | the client sent | destination | the destination sees                     | only if the client                                       |
 * | --------------- | ----------- | ---------------------------------------- | -------------------------------------------------------- |
 * | nothing         | any         | a reset (TCP) or a close (Unix)          | failed, or sent its end of stream a second earlier       |
 * | bytes           | TCP         | a reset, after acknowledging all bytes   | failed                                                   |
 * | bytes           | Unix        | a close, after the kernel took all bytes | failed, or sent its end of stream `farewell` / 2 earlier |
 *
 * At the ebb (`isEbb`), a client that sent nothing, or whose destination is a Unix socket, is treated
 * as if it had failed.
 */
function clientClosed(connection: Connection, code: string | undefined): void {
  const { attempt, down, destination, clientEndedAt, shared } = connection;
  if (down.bytesRead > 0) return;
  const now = performance.now();
  const hasFailed = code !== undefined;
  const hasGone = hasFailed || isEbb(shared, now);
  if (attempt !== null) {
    if (hasFailed && isEbb(shared, now)) leaveSilently(connection);
  } else if (isSilent(connection)) {
    if (hasGone || now - clientEndedAt >= ENDED_BEFORE) leaveSilently(connection);
  } else if (destination.isTcp) {
    // A reset can destroy bytes that a slow destination has not read. So the relay resets only if the
    // client's socket failed.
    connection.clientGone = hasFailed;
  } else {
    // In a ring of relays, the client is another relay, and has lingered for about `farewell` before it
    // closed.
    connection.clientGone = hasGone || now - clientEndedAt >= shared.lingering.farewell / 2;
  }
}

/**
 * Called when a paused side delivered bytes. Only a TCP side that failed does that. Bun would then read
 * all bytes that the kernel has from this side, perhaps more than a direction may hold. So the relay
 * duplicates the descriptor, closes Bun's socket, and reads the rest through the duplicate when there
 * is room.
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
 * Called when a side has failed. A failure after the side's end of stream changes nothing. A client
 * that fails before the destination is reached is treated as a client that left.
 */
function sideFailed(side: ConnectionSide): void {
  const { connection, inbound } = side;
  if (inbound.state !== "flowing") return;
  if (connection.attempt === null)
    connection.ending ??= side === connection.client ? "client reset" : "destination reset";
  inbound.abort();
}

function isFailure(side: ConnectionSide, code: string | undefined): boolean {
  // Linux reports a reset after the peer's FIN as EPIPE (tcp_reset()): the stream had ended cleanly.
  return hasFailed(side) || (code !== undefined && code !== "EPIPE");
}

/** Our system call consumed SO_ERROR, so Bun will report a clean close. Trust the saved errno. */
function hasFailed({ errno }: Side): boolean {
  return errno !== 0 && errno !== EPIPE;
}
