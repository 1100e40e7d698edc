import { SystemCallError } from "../../os/errno.ts";
import type { Libc } from "../../os/libc.ts";
import { type BunListener, adoptListener } from "./bun-listener.ts";
import type { AcceptHandlers, PausableListener } from "./pausable-listener.ts";

/**
 * A listener that is closed for a pause and opened anew afterwards, on a second descriptor of the same
 * socket; the kernel queues clients as long as one descriptor is open.
 *
 * Bun's listen sets the queue to 511 each time. Before the length is set right again, a Unix client
 * that does not wait is refused if the queue is longer. `GatedListener` has no such moment.
 */
export class ReopenedListener implements PausableListener {
  readonly #system: Libc;
  readonly #fd: number;
  readonly #backlog: number;
  readonly #adopt: (fd: number) => BunListener;
  /** Null exactly while paused, and once stopped. */
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

  /** @throws the system's error if there is no descriptor left. */
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
