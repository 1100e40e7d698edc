import type { Libc } from "../../os/libc.ts";
import { encodeEpollEvent } from "../../os/epoll-event.ts";
import {
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
  EPOLLIN,
  EPOLLONESHOT,
  EPOLLRDHUP,
} from "../../os/linux-constants.ts";
import { EpollInEventLoop } from "./epoll-in-event-loop.ts";

/** A placeholder: epoll_ctl(2) ignores the given event when it removes a registration. */
const NO_EVENT = encodeEpollEvent(0, 0n);

/** An object that waits for bytes of a descriptor. */
export interface ByteWaiter {
  /** Called when the descriptor has bytes, or when its stream has ended or failed. */
  bytesCame(): void;
}

// If the watch could not open its descriptors, it waits this time before the next try, in
// milliseconds.
const OPEN_AGAIN = 1_000;

// The number of waiters after which the watch tells no more of them in the same turn of the event
// loop, so that new connections and large transfers get their turn. Telling so many takes about a
// millisecond.
const TOLD_MOST = 256;

/**
 * Tells waiters when bytes arrive on descriptors from which Bun's reading is paused. The watch has
 * an epoll instance, which Bun's event loop watches, so the watch does no work until bytes arrive.
 *
 * A waiter is told once (`wait`) or always (`watch`). Which of them reads, and why not Bun, is
 * explained in `ReadingState`: `look` waits once, `crowd` always.
 *
 * The kernel removes the registration of a closed descriptor by itself. But if a duplicate of the
 * descriptor keeps the socket open, a registration that reports once (EPOLLONESHOT) can report one
 * more event. By then a new descriptor may have the same number, and the event calls the waiter of
 * the new descriptor. This waiter finds no bytes, and waits again. A waiter that is told always
 * must be forgotten before its descriptor is duplicated and closed.
 */
export class ByteWatch {
  readonly #system: Libc;
  readonly #told: (waiters: number) => void;
  /** Each descriptor with the waiter that is told once. */
  readonly #once = new Map<number, ByteWaiter>();
  /** Each descriptor with the waiter that is told always. */
  readonly #always = new Map<number, ByteWaiter>();
  readonly #fds = new Int32Array(64);
  /** The epoll instance; -1 while the watch is closed. */
  #epoll = -1;
  /** Non-null exactly while `#epoll` is open. */
  #inEventLoop: EpollInEventLoop | null = null;
  /** Whether Bun's event loop has reported an event of the open epoll instance. */
  #hasWorked = false;
  /** The earliest time of the next try to open the watch, by `performance.now()`. */
  #openAt = -Infinity;

  /**
   * @param told - called in each turn of the event loop in which waiters of `watch` were told, with
   *   the number of calls of `bytesCame`
   */
  constructor(system: Libc, told: (waiters: number) => void) {
    this.#system = system;
    this.#told = told;
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
    if (this.#once.get(fd) === waiter) return this.#hasWorked;
    if (!this.#register(fd, EPOLLIN | EPOLLRDHUP | EPOLLONESHOT)) return false;
    // A waiter of a closed descriptor with the same number may not have been forgotten yet.
    this.#always.delete(fd);
    this.#once.set(fd, waiter);
    return this.#hasWorked;
  }

  /**
   * Calls `waiter.bytesCame` again and again while the descriptor has bytes, until `forget`. Bytes
   * that the waiter leaves unread keep the event loop busy. So does the end of the stream.
   *
   * @returns whether the watch does so; false in the cases in which `wait` returns false
   */
  watch(fd: number, waiter: ByteWaiter): boolean {
    if (fd < 0 || !this.#open() || !this.#hasWorked) return false;
    if (!this.#register(fd, EPOLLIN)) return false;
    this.#always.set(fd, waiter);
    return true;
  }

  /**
   * Ends the waiting of `waiter` for a descriptor. Does nothing if `waiter` does not wait for the
   * descriptor.
   */
  forget(fd: number, waiter: ByteWaiter): void {
    if (this.#once.get(fd) === waiter) this.#once.delete(fd);
    if (this.#always.get(fd) !== waiter) return;
    this.#always.delete(fd);
    // This fails if the descriptor is closed already.
    this.#system.epollControl(this.#epoll, EPOLL_CTL_DEL, fd, NO_EVENT);
  }

  /** Closes the descriptors of the watch. The next `wait` or `watch` opens them again. */
  close(): void {
    this.#once.clear();
    this.#always.clear();
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

  #register(fd: number, events: number): boolean {
    const event = encodeEpollEvent(events, BigInt(fd));
    // Try EPOLL_CTL_MOD first, because most descriptors were registered by an earlier call.
    if (this.#system.epollControl(this.#epoll, EPOLL_CTL_MOD, fd, event) >= 0) return true;
    return this.#system.epollControl(this.#epoll, EPOLL_CTL_ADD, fd, event) >= 0;
  }

  /**
   * Calls the waiters whose descriptors have bytes. Looks again at once if there were several,
   * because more bytes are likely to have come meanwhile, and a look costs much less than a turn of
   * the event loop.
   *
   * @returns whether there was an event
   */
  #look(): boolean {
    this.#hasWorked = true;
    let told = 0;
    let hadEvent = false;
    let count = 0;
    do {
      count = this.#system.epollEvents(this.#epoll, this.#fds);
      for (let at = 0; at < count; at += 1) told += this.#tell(this.#fds[at] as number);
      hadEvent ||= count > 0;
    } while (count > 1 && told < TOLD_MOST && this.#epoll >= 0);
    if (told > 0) this.#told(told);
    return hadEvent;
  }

  /** Returns 1 if it called a waiter that is told always, or else 0. */
  #tell(fd: number): number {
    const always = this.#always.get(fd);
    if (always !== undefined) {
      tell(always);
      return 1;
    }
    const once = this.#once.get(fd);
    this.#once.delete(fd);
    if (once !== undefined) tell(once);
    return 0;
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
