import type { Socket } from "bun";
import { EAGAIN, ECONNRESET, EPIPE } from "../../os/errno.ts";
import { libc } from "../../os/libc.ts";
import { socketRoom } from "../../os/socket-room.ts";
import type { KernelPipe } from "./kernel-pipe.ts";

/** One end of a connection: its socket, and what is known of it. */
export abstract class Side {
  socket: Socket<unknown> | null = null;
  /** The socket's descriptor, or -1 if `socket` is null: the kernel reuses the numbers of closed ones. */
  fd = -1;
  /** Whether bytes may be written. A destination is not ready before it answered. */
  ready = false;
  /** The errno with which a call of ours found this side gone; 0 if none did. */
  #errno = 0;
  /** Whether Bun's reading is stopped. */
  #isPaused = false;

  /** Whether this side is TCP; only TCP can be reset. */
  abstract readonly isTcp: boolean;

  get errno(): number {
    return this.#errno;
  }

  /**
   * Notes the error of a call of ours, because Bun will not see it. EPIPE only says that the side is
   * gone. How it went is told by another errno, before or after.
   */
  failed(errno: number): void {
    if (this.#errno === 0 || this.#errno === EPIPE) this.#errno = errno;
  }

  /** The side has a socket now. */
  attach(socket: Socket<unknown>): void {
    this.socket = socket;
    this.fd = socket.fd;
  }

  /** The side has no socket any more; does not close it. */
  detach(): void {
    this.socket = null;
    this.fd = -1;
    this.ready = false;
  }

  /** Stops Bun's reading. */
  pause(): void {
    this.#isPaused = true;
    this.socket?.pause();
  }

  /** Lets Bun read again. */
  resume(): void {
    this.#isPaused = false;
    this.socket?.resume();
  }

  /** How many bytes a write takes now, about; 0 or less if it takes none. */
  takesNow(): number {
    return libc === null ? Infinity : socketRoom(libc, this.fd, this.isTcp);
  }

  /** Whether the kernel calls this side writable, so that a large part of its buffer is free. */
  hasMuchRoom(): boolean {
    return libc === null || libc.writable(this.fd) !== 0;
  }

  /** `drain` follows once the side has much room. No write has to come short for that. */
  awaitMuchRoom(): void {
    // Bun waits for room after each change of its reading, and forgets that when there is room.
    if (this.#isPaused) {
      this.socket?.resume();
      this.socket?.pause();
    } else {
      this.socket?.pause();
      this.socket?.resume();
    }
  }

  /**
   * Hands bytes to the kernel and returns how many it took. If it did not take all, `drain` follows. A
   * side that takes no more gives a negative errno: -ECONNRESET if it was reset, otherwise -EPIPE.
   */
  write(bytes: Uint8Array): number {
    if (this.socket === null) return -EPIPE;
    const sent = libc === null ? 0 : libc.send(this.fd, bytes);
    if (sent === bytes.length) return sent;
    if (sent < 0 && sent !== -EAGAIN) {
      this.failed(-sent);
      return sent;
    }
    // The kernel is full. Only a write of Bun's makes Bun wait for room. If that write fails, it does
    // not say why, and a reset is consumed from the socket.
    const taken = Math.max(sent, 0);
    const more = this.socket.write(taken === 0 ? bytes : bytes.subarray(taken));
    if (more >= 0) return taken + more;
    const errno = this.isTcp ? ECONNRESET : EPIPE;
    this.failed(errno);
    return -errno;
  }

  /**
   * As `write`, from a kernel pipe. But no `drain` follows, and if the side has no room the result is
   * -EAGAIN.
   */
  writeFrom(pipe: KernelPipe): number {
    const taken = pipe.drain(this.fd);
    if (taken < 0 && taken !== -EAGAIN) this.failed(-taken);
    return taken;
  }

  /** Ends the stream to this side. Bun's `end()` would close both directions. */
  shutdown(): void {
    this.socket?.shutdown();
  }

  /**
   * Whether this side, to which a write failed, has only shut down its reading and goes on writing. Only
   * a Unix socket can do that (shutdown(2), SHUT_RD): TCP does not transmit it.
   */
  get readsNoMore(): boolean {
    return !this.isTcp && libc !== null && this.fd >= 0 && libc.hungUp(this.fd) === 0;
  }

  /** Shuts down reading: the writes of a Unix peer then fail with EPIPE. A TCP peer notices nothing. */
  shutReading(): void {
    if (!this.isTcp && this.fd >= 0) libc?.shutReading(this.fd);
  }

  /** Closes at once. A TCP peer sees a reset, a Unix peer a close. */
  terminate(): void {
    this.socket?.terminate();
  }

  /** Closes. The kernel still delivers what it has taken, unless bytes from this side are unread. */
  close(): void {
    this.socket?.close();
  }

  /** Bytes that the kernel took and the peer has not got; 0 without FFI. */
  unsent(): number {
    return libc === null || this.socket === null ? 0 : Math.max(libc.unsent(this.fd), 0);
  }
}
