import type { Observer } from "../observer.ts";

/**
 * Placeholder owner for the sockets of clients that were refused or are not admitted yet. The
 * handlers ignore all events of these sockets. But if a handler throws an error at such an event,
 * the relay reports the error and closes the socket.
 */
export class UnadmittedSocket {
  /** Always null, so that the handlers ignore each event of the socket. */
  readonly socket = null;

  constructor(readonly observer: Observer) {}
}
