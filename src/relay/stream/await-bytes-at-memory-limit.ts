import type { Libc } from "../../os/libc.ts";
import { encodeEpollEvent } from "../../os/epoll-event.ts";
import {
  EPOLL_CTL_ADD,
  EPOLL_CTL_MOD,
  EPOLLIN,
  EPOLLONESHOT,
  EPOLLRDHUP,
} from "../../os/linux-constants.ts";
import { EpollInEventLoop } from "./epoll-in-event-loop.ts";

/** An object that waits for bytes of a descriptor. */
export interface ByteWaiter {
  /** Called when the descriptor has bytes, or when its stream has ended or failed. */
  bytesCame(): void;
}

// If the watch could not open its descriptors, it waits this time before the next try, in
// milliseconds.
const OPEN_AGAIN = 1_000;

/**
 * Tells waiters when bytes arrive on descriptors from which Bun's reading is paused. The watch has
 * an epoll instance, which Bun's event loop watches, so the watch does no work until bytes arrive.
 *
 * Each registration reports one event and then no more (EPOLLONESHOT), so bytes that a waiter
 * leaves unread cause no further events. The kernel removes the registration of a closed descriptor
 * by itself. But if a duplicate of the descriptor keeps the socket open, the registration can
 * report one more event. By then a new descriptor may have the same number, and the event calls the
 * waiter of the new descriptor. This waiter finds no bytes, and waits again.
 */
export class ByteWatch {
  readonly #system: Libc;
  /** Each descriptor with its waiter, which waits for the one event of the registration. */
  readonly #waiters = new Map<number, ByteWaiter>();
  readonly #fds = new Int32Array(64);
  /** The epoll instance; -1 while the watch is closed. */
  #epoll = -1;
  /** Non-null exactly while `#epoll` is open. */
  #inEventLoop: EpollInEventLoop | null = null;
  /** Whether Bun's event loop has reported an event of the open epoll instance. */
  #hasWorked = false;
  /** The earliest time of the next try to open the watch, by `performance.now()`. */
  #openAt = -Infinity;

  constructor(system: Libc) {
    this.#system = system;
  }

  /**
   * Calls `waiter.bytesCame` once, as soon as the descriptor has bytes. If the waiter waits for
   * this descriptor already, nothing changes.
   *
   * @returns whether the waiter can rely on the watch; false if no descriptor is free for the
   *   watch, or if Bun's event loop has not reported an event of the watch yet
   */
  wait(fd: number, waiter: ByteWaiter): boolean {
    if (fd < 0 || !this.#open()) return false;
    if (this.#waiters.get(fd) === waiter) return this.#hasWorked;
    const event = encodeEpollEvent(EPOLLIN | EPOLLRDHUP | EPOLLONESHOT, BigInt(fd));
    // Try EPOLL_CTL_MOD first, because most descriptors were registered by an earlier call.
    const isThere = this.#system.epollControl(this.#epoll, EPOLL_CTL_MOD, fd, event) >= 0;
    if (!isThere && this.#system.epollControl(this.#epoll, EPOLL_CTL_ADD, fd, event) < 0)
      return false;

    this.#waiters.set(fd, waiter);
    return this.#hasWorked;
  }

  /**
   * Ends the waiting of `waiter` for a descriptor. Does nothing if `waiter` does not wait for the
   * descriptor.
   */
  forget(fd: number, waiter: ByteWaiter): void {
    if (this.#waiters.get(fd) === waiter) this.#waiters.delete(fd);
  }

  /** Closes the descriptors of the watch. The next `wait` opens them again. */
  close(): void {
    this.#waiters.clear();
    this.#inEventLoop?.[Symbol.dispose]();
    this.#inEventLoop = null;
    if (this.#epoll >= 0) this.#system.close(this.#epoll);
    this.#epoll = -1;
    this.#hasWorked = false;
    this.#openAt = -Infinity;
  }

  #open(): boolean {
    if (this.#epoll >= 0) return true;
    const now = performance.now();
    if (now < this.#openAt) return false;
    this.#openAt = now + OPEN_AGAIN;
    const epoll = this.#system.epoll();
    if (epoll < 0) return false;
    this.#inEventLoop = EpollInEventLoop.open(this.#system, epoll, () => this.#look());
    if (this.#inEventLoop === null) {
      this.#system.close(epoll);
      return false;
    }
    this.#epoll = epoll;
    return true;
  }

  /** Calls the waiters whose descriptors have bytes. */
  #look(): void {
    this.#hasWorked = true;
    const count = this.#system.epollEvents(this.#epoll, this.#fds);
    // Collect the waiters before the first call, because a called waiter may wait again or close
    // the watch.
    const came: ByteWaiter[] = [];
    for (const fd of this.#fds.subarray(0, Math.max(0, count))) {
      const waiter = this.#waiters.get(fd);
      this.#waiters.delete(fd);
      if (waiter !== undefined) came.push(waiter);
    }
    for (const waiter of came) tell(waiter);
  }
}

/**
 * Tells a waiter that bytes came. An error that the waiter throws becomes an uncaught exception in
 * a microtask, so that the other waiters are told, too.
 */
function tell(waiter: ByteWaiter): void {
  try {
    waiter.bytesCame();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
