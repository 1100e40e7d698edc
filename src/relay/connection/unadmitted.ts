import type { Observer } from "../observer.ts";

/** Placeholder owner for the sockets of refused clients, and of clients not admitted yet. Their events are ignored. */
export class Unadmitted {
  /** Never a socket: so the handlers see that an event is to be ignored. */
  readonly socket = null;

  constructor(readonly observer: Observer) {}
}
