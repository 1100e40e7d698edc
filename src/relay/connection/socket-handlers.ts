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
    attempt.opened();
  },

  data(socket: SideSocket, chunk: Uint8Array): void {
    const side = socket.data;
    if (side.socket !== socket) return;
    if (!side.ready) side.connection.attempt?.progress(true);
    if (side.socket !== socket) return;
    const { paused } = side;
    side.inbound.receive(chunk);
    if (paused) pausedSideSent(side);
  },

  drain(socket: SideSocket): void {
    const side = socket.data;
    if (side.socket !== socket) return;
    if (!side.ready) {
      side.connection.attempt?.progress(false);
      return;
    }
    side.outbound.advance();
    if (side.peer.socket === null) settle(side.connection);
  },

  end(socket: SideSocket): void {
    const side = socket.data;
    if (side.socket !== socket) return;
    if (!side.ready) side.connection.attempt?.progress(false);
    if (side.socket === socket) sideEnded(side);
  },

  close(socket: SideSocket, error?: Error): void {
    const side = socket.data;
    if (side.socket !== socket) return;
    const code = error === undefined ? undefined : errorCode(error);
    const { attempt } = side.connection;
    if (side.ready) sideClosed(side, code);
    else attempt?.lost(code ?? "ECONNRESET");
  },

  /** Something here threw: a bug. Its connection ends, the relay goes on. */
  error(socket: SideSocket, error: Error): void {
    const { connection } = socket.data;
    connection.shared.observer.fault(error);
    destroy(connection, "fault");
  },
};
