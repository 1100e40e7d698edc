import { closeSync, openSync } from "node:fs";
import { type EpollRegistration, findEpollRegistration } from "../../os/find-epoll-registration.ts";
import type { Libc } from "../../os/libc.ts";
import { AF_UNIX, EPOLL_CTL_ADD, EPOLL_CTL_DEL, SOCK_STREAM } from "../../os/linux-constants.ts";
import { type BunListener, adoptListener } from "./bun-listener.ts";
import type { AcceptHandlers, PausableListener } from "./pausable-listener.ts";

/**
 * A Bun listener with a gate in front of it.
 *
 * Bun's listener cannot pause. Whenever epoll reports clients on the listening descriptor, Bun
 * calls accept4(2) until the call fails. This class changes two things without Bun's knowledge: the
 * open file behind Bun's descriptor number, and the epoll registration of that descriptor.
 *
 * | gate   | Bun's descriptor is | epoll watches | clients                                                              |
 * | ------ | ------------------- | ------------- | -------------------------------------------------------------------- |
 * | open   | the source's socket | the socket    | are accepted                                                         |
 * | closed | /dev/null           | nothing       | wait: epoll reports no event, and accept4(2) fails with ENOTSOCK     |
 *
 * Closing the gate removes the registration, then replaces the open file. Therefore a running
 * accept loop of Bun ends at its next accept4(2). If epoll has already reported an event, Bun
 * accepts no client for this event. Opening the gate restores the socket, then adds the
 * registration with its earlier data. epoll_ctl(2) itself checks for waiting clients, so no client
 * is missed (epoll(7), level-triggered).
 *
 * The alternative is to stop Bun's listener and to make a new one later (`ReopenedListener`). But
 * Bun calls `listen(fd, 511)` for each new listener. Until the relay restores a longer queue,
 * non-blocking connects of Unix clients fail if more than 511 clients wait. `GatedListener` lets
 * Bun call listen only once, and on another socket (the stand-in).
 */
export class GatedListener implements PausableListener {
  readonly #system: Libc;
  /** The source's socket. */
  readonly #fd: number;
  readonly #listener: BunListener;
  readonly #registration: EpollRegistration;
  /**
   * A descriptor of /dev/null. While the gate is closed, Bun's descriptor refers to the same open
   * file.
   */
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
   * Accepts from the listening socket `fd`. Returns null if a gate is not possible, for example
   * because the relay cannot find the epoll registration of the event loop. In this case the socket
   * is unchanged.
   *
   * @throws the system's error if no descriptor is left.
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
    // `replace` fails if the limit of open files was lowered below the number of Bun's descriptor
    // (dup(2), EBADF). Even then the listener is paused, because epoll no longer watches it. Only a
    // running accept loop of Bun goes on until no client waits. The result must be true, because
    // the caller resumes the listener only after a pause that succeeded.
    this.#system.replace(this.#plug, this.#listener.fd);
    return true;
  }

  resume(): boolean {
    if (this.#isOpen) return true;
    if (this.#system.replace(this.#fd, this.#listener.fd) < 0) return false;
    this.#isOpen = this.#watch();
    if (!this.#isOpen) this.#system.replace(this.#plug, this.#listener.fd);
    return this.#isOpen;
  }

  stop(): void {
    // Bun removes its epoll registration if the gate is open. While the gate is closed, there is no
    // registration.
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
 * Opens a stand-in socket for Bun's listen call, or returns a negative errno. The source's socket
 * soon replaces the stand-in. The kernel gives the stand-in a free abstract name (unix(7),
 * autobind).
 */
function openStandIn(system: Libc): number {
  const fd = system.socket(AF_UNIX, SOCK_STREAM);
  if (fd < 0) return fd;
  const bound = system.bind(fd, Uint8Array.of(AF_UNIX, 0));
  if (bound >= 0) return fd;
  system.close(fd);
  return bound;
}
