import type { SocketHandler } from "bun";

/** The events of accepted sockets. */
export type AcceptHandlers<Data> = SocketHandler<Data, "uint8array">;

/** A listening socket that can stop accepting while the kernel goes on queueing clients. */
export interface PausableListener {
  /**
   * Leaves further clients in the kernel's queue, from this call on: also in the middle of an `open`
   * event, although more clients have come. False if that cannot be done.
   */
  pause(): boolean;
  /** Accepts again. False if that cannot be done now; the listener is then still paused. */
  resume(): boolean;
  /** Accepts no more, for good. Clients in the queue are refused if nobody else listens. */
  stop(): void;
}
