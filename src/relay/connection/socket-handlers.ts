import type { Socket, SocketHandler } from "bun";
import type { ConnectionSide, SocketOwner } from "./connection.ts";
import { destroy, settle } from "./settle-connection.ts";
import { keepUnreadBytes, sideClosed, sideEnded } from "./side-events.ts";
import { errorCode } from "../../os/errno.ts";
import { UnadmittedSocket } from "./unadmitted-socket.ts";

type OwnedSocket = Socket<SocketOwner>;

/**
 * The handlers for the events of every socket, of clients and of destinations. A handler ignores an
 * event if the socket is not, or no longer, the current socket of its owner.
 */
export const handlers: SocketHandler<SocketOwner, "uint8array"> = {
  binaryType: "uint8array",

  /**
   * Gives a new socket to its side. Bun calls this for each socket to a destination; the socket may
   * still be connecting. Sockets of clients have another `open` handler.
   */
  open(socket: OwnedSocket): void {
    const side = socket.data;
    if (side instanceof UnadmittedSocket || side.connection.attempt === null) {
      // Too late: the attempt has ended, for example because the client has left.
      socket.close();
      return;
    }
    side.attach(socket);
    side.connection.attempt.opened(side);
  },

  data(socket: OwnedSocket, chunk: Uint8Array): void {
    const side = readySide(socket, true);
    if (side === null) return;
    const { inbound } = side;
    const { isPaused } = inbound;
    inbound.receive(chunk);
    if (isPaused) keepUnreadBytes(side);
  },

  drain(socket: OwnedSocket): void {
    const side = readySide(socket, false);
    if (side === null) return;
    side.outbound.advance();
    if (side.peer.socket === null) settle(side.connection);
  },

  end(socket: OwnedSocket): void {
    const side = readySide(socket, false);
    if (side !== null) sideEnded(side);
  },

  close(socket: OwnedSocket, error?: Error): void {
    const side = socket.data;
    if (side.socket === null || side.socket !== socket) return;
    const code = error === undefined ? undefined : errorCode(error);
    if (side.ready) sideClosed(side, code);
    else side.connection.attempt?.lost(side, code);
  },

  /**
   * Reports an error that a handler threw, which is a bug. The socket's connection ends, and the
   * relay continues.
   */
  error(socket: OwnedSocket, error: Error): void {
    const owner = socket.data;
    if (owner instanceof UnadmittedSocket) {
      owner.observer.fault(error);
      socket.terminate();
      return;
    }
    owner.connection.shared.observer.fault(error);
    destroy(owner.connection, "fault");
  },
};

/**
 * Returns the side to which an event of a socket belongs; null if the event must be ignored, or if
 * the socket is still connecting.
 *
 * @param proven - whether the event brought bytes, which proves that the socket is connected
 */
function readySide(socket: OwnedSocket, proven: boolean): ConnectionSide | null {
  const before = socket.data;
  if (before.socket === null || before.socket !== socket) return null;
  if (before.ready) return before;
  before.connection.attempt?.progress(before, proven);
  // If the relay tried several addresses and this socket was the first one that connected, the
  // socket now belongs to the connection's destination side.
  const after = socket.data;
  return after.socket !== null && after.socket === socket && after.ready ? after : null;
}

/**
 * The handlers of a socket to the destination, if Bun adopts a descriptor that the relay made.
 * `connectError` reports a failure, so the caller ignores the promise that `Bun.connect` returns.
 * Handling that promise would create a second promise and a closure for each connection.
 */
export const adoptedHandlers: SocketHandler<SocketOwner, "uint8array"> = {
  ...handlers,

  /**
   * Tells the attempt that Bun could not adopt the descriptor. Bun calls this inside `Bun.connect`.
   */
  connectError({ data: side }: OwnedSocket, error: Error): void {
    if (!(side instanceof UnadmittedSocket)) side.connection.attempt?.lost(side, errorCode(error));
  },
};
