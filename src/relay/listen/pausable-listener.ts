import type { SocketHandler, SocketListener } from "bun";
import { libc } from "../../os/libc.ts";
import type { ConnectionSide } from "../connection/connection.ts";

/** A listener of Bun, of whatever kind. */
export type BunListener<Data = ConnectionSide> = SocketListener<Data>;

/** The events of an accepted socket. */
export type AcceptHandlers<Data = ConnectionSide> = SocketHandler<Data, "uint8array">;

/**
 * A listening socket that can stop accepting while the kernel goes on queueing clients.
 *
 * Bun's listener has no pause, and its `stop()` closes the descriptor. A second descriptor of the
 * socket is therefore kept, from which Bun can listen again. Without FFI there is no second one:
 * `pause()` then does nothing and says so.
 */
export class PausableListener<Data = ConnectionSide> {
  readonly #handlers: AcceptHandlers<Data>;
  readonly #backlog: number;
  // Taken at the start: when it is needed, descriptors may have run out.
  readonly #spare: number;
  /** Null exactly while nobody is accepted. */
  #listener: BunListener<Data> | null = null;

  /**
   * @param from - a listener of Bun's, which accepts; or a listening descriptor, from which nobody
   *   is accepted before `resume`. Either is this object's from then on.
   */
  constructor(from: BunListener<Data> | number, handlers: AcceptHandlers<Data>, backlog: number) {
    this.#handlers = handlers;
    this.#backlog = backlog;
    if (typeof from === "number") {
      this.#spare = from;
    } else {
      this.#listener = from;
      this.#spare = libc === null ? -1 : libc.duplicate(from.fd);
      this.#setBacklog();
    }
  }

  /** A descriptor of the listening socket, which stays this object's. */
  get descriptor(): number {
    return this.#spare >= 0 ? this.#spare : (this.#listener?.fd ?? -1);
  }

  /** Leaves further clients in the kernel's queue. False where that cannot be done. */
  pause(): boolean {
    if (libc === null || this.#spare < 0) return false;
    this.#listener?.stop();
    this.#listener = null;
    return true;
  }

  /** Accepts again. False where there is no descriptor for it now. */
  resume(): boolean {
    if (libc === null || this.#listener !== null) return true;
    const fd = libc.duplicate(this.#spare);
    if (fd < 0) return false;
    this.#listener = listenOn(fd, this.#handlers);
    this.#setBacklog();
    return true;
  }

  /** Accepts no more, for good. What the kernel has queued is refused if nobody else listens. */
  stop(): void {
    this.#listener?.stop();
    this.#listener = null;
    if (this.#spare >= 0) libc?.close(this.#spare);
  }

  /** Bun asks for a queue of 512, and of 511 when it adopts a socket, whatever it had. */
  #setBacklog(): void {
    if (this.#listener !== null) libc?.listen(this.#listener.fd, this.#backlog);
  }
}

/** Lets Bun accept from a listening descriptor, which is Bun's from then on. */
export function listenOn<Data>(fd: number, handlers: AcceptHandlers<Data>): BunListener<Data> {
  return Bun.listen({ fd, allowHalfOpen: true, socket: handlers });
}
