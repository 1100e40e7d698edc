import type { SocketHandler } from "bun";

/** The handlers for the events of accepted sockets. */
export type AcceptHandlers<Data> = SocketHandler<Data, "uint8array">;

/** A listening socket that can stop accepting while the kernel goes on queueing clients. */
export interface PausableListener {
  /**
   * Leaves new clients in the kernel's queue, from this call on. `pause` can also be called inside
   * an `open` event while more clients wait. Returns false if the listener cannot pause.
   */
  pause(): boolean;
  /** Accepts clients again. Returns false if this fails; in this case the listener stays paused. */
  resume(): boolean;
  /** Stops accepting for good. Queued clients are refused unless another process has the socket. */
  stop(): void;
}
