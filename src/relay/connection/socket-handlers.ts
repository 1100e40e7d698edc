import type { Socket, SocketHandler } from "bun";
import {
  type ConnectionSide,
  destroy,
  pausedSideSent,
  settle,
  sideClosed,
  sideEnded,
} from "./connection.ts";
import { errorCode } from "../../os/errno.ts";

type SideSocket = Socket<ConnectionSide>;

/**
 * The events of every socket, client or destination. A socket's `data` is its side; a side that has
 * let go of its socket, or has not got it yet, does not hear of it.
 */
export const handlers: SocketHandler<ConnectionSide, "uint8array"> = {
  binaryType: "uint8array",

  /** A destination's socket is there; it may still be connecting. Clients have their own `open`. */
  open(socket: SideSocket): void {
    const side = socket.data;
    const { attempt } = side.connection;
    if (attempt === null) {
      socket.terminate();
      return;
    }
    side.attach(socket);
    attempt.opened(side);
  },

  data(socket: SideSocket, chunk: Uint8Array): void {
    const side = readySide(socket, true);
    if (side === null) return;
    const { inbound } = side;
    const { isPaused } = inbound;
    inbound.receive(chunk);
    if (isPaused) pausedSideSent(side);
  },

  drain(socket: SideSocket): void {
    const side = readySide(socket, false);
    if (side === null) return;
    side.outbound.advance();
    if (side.peer.socket === null) settle(side.connection);
  },

  end(socket: SideSocket): void {
    const side = readySide(socket, false);
    if (side !== null) sideEnded(side);
  },

  close(socket: SideSocket, error?: Error): void {
    const side = socket.data;
    if (side.socket !== socket) return;
    const code = error === undefined ? undefined : errorCode(error);
    if (side.ready) sideClosed(side, code);
    else side.connection.attempt?.lost(side, code);
  },

  /** Something here threw: a bug. Its connection ends, the relay goes on. */
  error(socket: SideSocket, error: Error): void {
    const { connection } = socket.data;
    connection.shared.observer.fault(error);
    destroy(connection, "fault");
  },
};

/**
 * The side that an event of a socket is about: null where it has let go of the socket, or the socket
 * is still connecting. `proven` where the event brings bytes, which only a connection does.
 */
function readySide(socket: SideSocket, proven: boolean): ConnectionSide | null {
  const before = socket.data;
  if (before.socket !== socket) return null;
  if (before.ready) return before;
  before.connection.attempt?.progress(before, proven);
  // A socket that has won against those of other addresses is the destination's now.
  const after = socket.data;
  return after.socket === socket && after.ready ? after : null;
}
