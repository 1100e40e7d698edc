import type { AcceptHandlers } from "./pausable-listener.ts";

/** The parts of a Bun listener that a relay uses, for any kind of socket and data. */
export interface BunListener {
  readonly fd: number;
  /**
   * Closes the descriptor. If Bun has bound a Unix socket, also removes any file at the path that
   * the socket was bound to.
   */
  stop(): void;
}

/** Lets Bun accept from a listening descriptor. From now on, Bun owns the descriptor. */
export function adoptListener<Data>(fd: number, handlers: AcceptHandlers<Data>): BunListener {
  return Bun.listen({ fd, allowHalfOpen: true, socket: handlers });
}
