import type { Observer } from "../observer.ts";

/**
 * The owner (`SocketOwner`) of the socket of a client that was refused or is not admitted yet. The
 * handlers ignore every event of such a socket. If a handler throws an error nevertheless, which is
 * a bug, the relay reports the error to `observer` and closes the socket.
 */
export class UnadmittedSocket {
  /** Always null, so that the handlers ignore each event of the socket. */
  readonly socket = null;

  constructor(readonly observer: Observer) {}
}
