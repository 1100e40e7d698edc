import { closeSync, openSync } from "node:fs";
import { type EpollRegistration, findEpollRegistration } from "../../os/epoll-registration.ts";
import { AF_UNIX, EPOLL_CTL_ADD, EPOLL_CTL_DEL, type Libc, SOCK_STREAM } from "../../os/libc.ts";
import { type BunListener, adoptListener } from "./bun-listener.ts";
import type { AcceptHandlers, PausableListener } from "./pausable-listener.ts";

/**
 * A listener of Bun's with a gate before it.
 *
 * Bun's listener has no pause. It accepts from a descriptor until accept4(2) fails, whenever the event
 * loop's epoll instance says that the descriptor's socket has clients. Both ends of that are changed
 * behind Bun's back: which socket stands behind the number, and what the epoll instance watches.
 *
 * | gate   | Bun's descriptor is | epoll watches | clients                                        |
 * | ------ | ------------------- | ------------- | ---------------------------------------------- |
 * | open   | the source's socket | it            | are accepted                                   |
 * | closed | /dev/null           | nothing of it | wait: accept4(2) fails with ENOTSOCK, no event |
 *
 * Closing takes the registration out, then replaces the descriptor. So an accept loop that is under way
 * ends with its next call, and so does the event of a client that was told of before. Opening puts the
 * socket back, then the registration with the same data. epoll_ctl(2) itself looks whether clients
 * wait, so none is overlooked (epoll(7), level-triggered).
 *
 * The other way to pause is to stop Bun's listener and make another later (`ReopenedListener`). But Bun
 * calls `listen(fd, 511)` for each listener that it makes, and until the call after that a longer queue
 * refuses Unix clients that do not wait. Here Bun listens on a socket of no use, once.
 */
export class GatedListener implements PausableListener {
  readonly #system: Libc;
  /** The source's socket. */
  readonly #fd: number;
  readonly #listener: BunListener;
  readonly #registration: EpollRegistration;
  /** Stands behind Bun's descriptor while the gate is closed. */
  readonly #plug: number;
  #isOpen = false;

  private constructor(
    system: Libc,
    fd: number,
    listener: BunListener,
    registration: EpollRegistration,
    plug: number,
  ) {
    this.#system = system;
    this.#fd = fd;
    this.#listener = listener;
    this.#registration = registration;
    this.#plug = plug;
  }

  /**
   * Null if the system does not let us look into the event loop; then nothing has changed.
   *
   * @throws the system's error if there is no descriptor left.
   */
  static open<Data>(
    system: Libc,
    fd: number,
    handlers: AcceptHandlers<Data>,
  ): GatedListener | null {
    const standIn = openStandIn(system);
    if (standIn < 0) return null;
    const listener = adoptListener(standIn, handlers);
    const registration = findEpollRegistration(listener.fd);
    try {
      if (registration !== null) {
        const plug = openSync("/dev/null", "r");
        const gated = new GatedListener(system, fd, listener, registration, plug);
        gated.#unwatch();
        if (gated.resume()) return gated;
        closeSync(plug);
      }
    } catch (error) {
      listener.stop();
      throw error;
    }
    listener.stop();
    return null;
  }

  pause(): boolean {
    if (!this.#isOpen) return true;
    this.#unwatch();
    this.#isOpen = false;
    return this.#system.replace(this.#plug, this.#listener.fd) >= 0;
  }

  resume(): boolean {
    if (this.#isOpen) return true;
    if (this.#system.replace(this.#fd, this.#listener.fd) < 0) return false;
    this.#isOpen = this.#watch();
    if (!this.#isOpen) this.#system.replace(this.#plug, this.#listener.fd);
    return this.#isOpen;
  }

  stop(): void {
    // Bun takes its descriptor's registration out; while the gate is closed there is none.
    this.#listener.stop();
    closeSync(this.#plug);
    this.#system.close(this.#fd);
  }

  #watch(): boolean {
    const { epoll, event } = this.#registration;
    return this.#system.epollControl(epoll, EPOLL_CTL_ADD, this.#listener.fd, event) >= 0;
  }

  #unwatch(): void {
    const { epoll, event } = this.#registration;
    this.#system.epollControl(epoll, EPOLL_CTL_DEL, this.#listener.fd, event);
  }
}

/**
 * A socket that Bun can listen on and that the source's soon replaces; or a negative errno. The kernel
 * gives it a free abstract name (unix(7), autobind).
 */
function openStandIn(system: Libc): number {
  const fd = system.socket(AF_UNIX, SOCK_STREAM);
  if (fd < 0) return fd;
  const bound = system.bind(fd, Uint8Array.of(AF_UNIX, 0));
  if (bound >= 0) return fd;
  system.close(fd);
  return bound;
}
