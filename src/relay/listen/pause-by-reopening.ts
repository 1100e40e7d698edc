import { SystemCallError } from "../../os/errno.ts";
import type { Libc } from "../../os/libc.ts";
import { type BunListener, adoptListener } from "./bun-listener.ts";
import type { AcceptHandlers, PausableListener } from "./pausable-listener.ts";

/**
 * A listener that pauses by closing Bun's listener, and resumes by opening a new Bun listener on a
 * second descriptor of the same socket. The kernel queues clients as long as at least one
 * descriptor of the socket is open.
 *
 * Each new Bun listener calls listen(2) with the queue length 511, and the relay at once calls
 * listen(2) with the right length. Between the two calls, a non-blocking connect of a Unix client
 * fails if the queue already has more than 511 clients. `GatedListener` avoids this.
 */
export class ReopenedListener implements PausableListener {
  readonly #system: Libc;
  readonly #fd: number;
  readonly #backlog: number;
  readonly #adopt: (fd: number) => BunListener;
  /** Bun's listener; null exactly while paused, and after `stop`. */
  #listener: BunListener | null = null;

  private constructor(
    system: Libc,
    fd: number,
    backlog: number,
    adopt: (fd: number) => BunListener,
  ) {
    this.#system = system;
    this.#fd = fd;
    this.#backlog = backlog;
    this.#adopt = adopt;
  }

  /** @throws the system's error if no descriptor is left. */
  static open<Data>(
    system: Libc,
    fd: number,
    backlog: number,
    handlers: AcceptHandlers<Data>,
  ): ReopenedListener {
    const opened = new ReopenedListener(system, fd, backlog, (own) => adoptListener(own, handlers));
    if (!opened.resume()) throw new SystemCallError("EMFILE");
    return opened;
  }

  pause(): boolean {
    this.#listener?.stop();
    this.#listener = null;
    return true;
  }

  resume(): boolean {
    if (this.#listener !== null) return true;
    const fd = this.#system.duplicate(this.#fd);
    if (fd < 0) return false;
    this.#listener = this.#adopt(fd);
    this.#system.listen(this.#fd, this.#backlog);
    return true;
  }

  stop(): void {
    this.pause();
    this.#system.close(this.#fd);
  }
}
