import type { Socket, SocketHandler } from "bun";
import {
  type ConnectionSide,
  destroy,
  pausedSideSent,
  settle,
  sideClosed,
  sideEnded,
  type SocketOwner,
} from "./connection.ts";
import { errorCode } from "../../os/errno.ts";
import { Unadmitted } from "./unadmitted.ts";

type OwnedSocket = Socket<SocketOwner>;

/**
 * The handlers of every socket's events, for clients and destinations alike. They ignore the events of a
 * socket that is not its owner's socket any more, or not yet.
 */
export const handlers: SocketHandler<SocketOwner, "uint8array"> = {
  binaryType: "uint8array",

  /** A destination's socket exists; it may still be connecting. Clients have an `open` of their own. */
  open(socket: OwnedSocket): void {
    const side = socket.data;
    if (side instanceof Unadmitted || side.connection.attempt === null) {
      // Too late: the client has left, perhaps by an end of stream.
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
    if (isPaused) pausedSideSent(side);
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

  /** A handler threw, which is a bug. The socket's connection ends, and the relay goes on. */
  error(socket: OwnedSocket, error: Error): void {
    const owner = socket.data;
    if (owner instanceof Unadmitted) {
      owner.observer.fault(error);
      socket.terminate();
      return;
    }
    owner.connection.shared.observer.fault(error);
    destroy(owner.connection, "fault");
  },
};

/**
 * The side that an event of a socket is about; null if the event is to be ignored or the socket is still
 * connecting. `proven`: the event brings bytes, so the socket is connected.
 */
function readySide(socket: OwnedSocket, proven: boolean): ConnectionSide | null {
  const before = socket.data;
  if (before.socket === null || before.socket !== socket) return null;
  if (before.ready) return before;
  before.connection.attempt?.progress(before, proven);
  // A socket that won against those of other addresses now belongs to the destination.
  const after = socket.data;
  return after.socket !== null && after.socket === socket && after.ready ? after : null;
}

/**
 * The handlers of a destination's socket that Bun adopts. With `connectError` nobody needs a promise of
 * `Bun.connect`, which would cost a second promise and a closure for each connection.
 */
export const adoptedHandlers: SocketHandler<SocketOwner, "uint8array"> = {
  ...handlers,

  /** Bun could not adopt the descriptor. Bun reports this within `Bun.connect`. */
  connectError({ data: side }: OwnedSocket, error: Error): void {
    if (!(side instanceof Unadmitted)) side.connection.attempt?.lost(side, errorCode(error));
  },
};
