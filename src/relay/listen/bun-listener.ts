import type { AcceptHandlers } from "./pausable-listener.ts";

/** What a relay needs of a listener of Bun's, of whatever kind and data. */
export interface BunListener {
  readonly fd: number;
  /** Closes the descriptor. It also removes what is at the path of a Unix socket that Bun bound. */
  stop(): void;
}

/** Lets Bun accept from a listening descriptor, which is Bun's from then on. */
export function adoptListener<Data>(fd: number, handlers: AcceptHandlers<Data>): BunListener {
  return Bun.listen({ fd, allowHalfOpen: true, socket: handlers });
}
