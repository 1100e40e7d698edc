import type { Observer } from "../observer.ts";

/**
 * Owns the sockets of clients that are refused, and of those that are not admitted yet: no connection
 * hears of their events.
 */
export class Unadmitted {
  /** No socket is ever its own, by which the handlers know that an event is not for them. */
  readonly socket = null;

  constructor(readonly observer: Observer) {}
}
