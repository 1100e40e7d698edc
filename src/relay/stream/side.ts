import type { Socket } from "bun";
import { EAGAIN, ECONNRESET, EPIPE } from "../../os/errno.ts";
import { libc } from "../../os/libc.ts";
import type { KernelPipe } from "./kernel-pipe.ts";

/** The socket at one end of a connection, and what is known of it. */
export abstract class Side {
  socket: Socket<unknown> | null = null;
  /** -1 whenever `socket` is null: the kernel gives the number of a closed descriptor out again. */
  fd = -1;
  /** Whether bytes can be written: a destination is not ready before it answered. */
  ready = false;
  /** The errno that a call of ours took from the socket and that found this side gone, else 0. */
  #errno = 0;

  /** Whether this side is TCP, the only kind that can be reset. */
  abstract readonly isTcp: boolean;

  get errno(): number {
    return this.#errno;
  }

  /**
   * Notes an error that a call of ours took from the socket. EPIPE says only that the side is gone; how
   * it went, another call may have been told before, or be told later.
   */
  failed(errno: number): void {
    if (this.#errno === 0 || this.#errno === EPIPE) this.#errno = errno;
  }

  attach(socket: Socket<unknown>): void {
    this.socket = socket;
    this.fd = socket.fd;
  }

  detach(): void {
    this.socket = null;
    this.fd = -1;
    this.ready = false;
  }

  pause(): void {
    this.socket?.pause();
  }

  resume(): void {
    this.socket?.resume();
  }

  /**
   * Hands bytes to the kernel and returns how many it took; `drain` follows where that is not all.
   * A negative result is the errno of a side that takes no more: -EPIPE where its end of stream had
   * come before, -ECONNRESET where it was reset.
   */
  write(bytes: Uint8Array): number {
    if (this.socket === null) return -EPIPE;
    const sent = libc === null ? 0 : libc.send(this.fd, bytes);
    if (sent === bytes.length) return sent;
    if (sent < 0 && sent !== -EAGAIN) {
      this.failed(-sent);
      return sent;
    }
    // Bun's own write waits for room where the kernel is full; it says only that a write failed,
    // and a reset that it met is then taken from the socket for good.
    const taken = Math.max(sent, 0);
    const more = this.socket.write(taken === 0 ? bytes : bytes.subarray(taken));
    if (more >= 0) return taken + more;
    const errno = this.isTcp ? ECONNRESET : EPIPE;
    this.failed(errno);
    return -errno;
  }

  /**
   * As `write`, of what is in a kernel's pipe, but no `drain` follows: where nothing is taken for
   * want of room, the result is -EAGAIN.
   */
  writeFrom(pipe: KernelPipe): number {
    const taken = pipe.drain(this.fd);
    if (taken < 0 && taken !== -EAGAIN) this.failed(-taken);
    return taken;
  }

  /** Sends FIN. Bun's `end()` would close both directions. */
  shutdown(): void {
    this.socket?.shutdown();
  }

  /**
   * Whether this side, of which a write has found that it takes no more, has only stopped to read: it
   * goes on writing. A Unix peer can tell that (unix(7)); TCP has no word for it.
   */
  get readsNoMore(): boolean {
    return !this.isTcp && libc !== null && this.fd >= 0 && libc.hungUp(this.fd) === 0;
  }

  /** Stops to read: a Unix peer's writes fail from now on. Nothing can tell a TCP peer. */
  shutReading(): void {
    if (!this.isTcp && this.fd >= 0) libc?.shutReading(this.fd);
  }

  /** Closes at once: a TCP peer sees a reset, a Unix peer a close. */
  terminate(): void {
    this.socket?.terminate();
  }

  /** Closes; the kernel still delivers what it has taken, unless bytes of this side are unread. */
  close(): void {
    this.socket?.close();
  }

  /** Bytes that the kernel took and the peer has not got yet; 0 where that cannot be asked. */
  unsent(): number {
    return libc === null || this.socket === null ? 0 : Math.max(libc.unsent(this.fd), 0);
  }
}
