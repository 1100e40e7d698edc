import type { Socket } from "bun";
import { EAGAIN, ECONNRESET, EPIPE } from "../../os/errno.ts";
import { libc } from "../../os/libc.ts";
import { sendBufferSpace } from "../../os/send-buffer-space.ts";
import type { KernelPipe } from "./kernel-pipe.ts";

// In a large write, each byte takes at most this many bytes of the socket's send buffer: one for
// the byte itself, and less than one for the kernel's bookkeeping.
const ROOM_A_BYTE = 2;

// The maximum size, in bytes, of one send(2) to a Unix socket. The kernel cuts a larger write into
// several buffers. If the peer closes with unread bytes between two of them, the call returns the
// number of bytes of the earlier buffers, but the kernel has already removed the error from the
// socket (unix_stream_sendmsg(), sock_alloc_send_pskb()). The failure would then look like an end
// of stream. TCP tells the failure nevertheless (`isHiddenReset`); Unix does not. A large splice(2)
// can hide the failure in the same way, but smaller ones would cost a fifth more; see `writeFrom`.
const UNIX_SENT_MOST = 32 * 1024;

/** One end of a connection: its socket, and the relay's knowledge of the socket. */
export abstract class Side {
  socket: Socket<unknown> | null = null;
  /**
   * The socket's descriptor; -1 exactly while `socket` is null, because the kernel reuses the
   * numbers of closed descriptors.
   */
  fd = -1;
  /**
   * Whether the relay may write bytes to this side. A destination is ready only after it was
   * reached.
   */
  ready = false;
  /**
   * The errno of a failure of this side that the relay itself found and that Bun will not see; 0 if
   * there is none.
   */
  #errno = 0;
  /**
   * A low estimate of the room in the send buffer, in bytes; 0 or less if unknown. `takesNow` sets
   * it. Each later write reduces it by the most that the write can take of the buffer
   * (`ROOM_A_BYTE`).
   */
  #roomLeast = 0;
  /** Whether the latest write was a splice(2) that moved only a part of the bytes in its pipe. */
  #splicedPart = false;
  /** Whether `errno` is a failure that `writeFrom` has only concluded from two writes. */
  #isConcluded = false;
  /** Whether Bun's reading from this side is stopped. */
  #isPaused = false;

  /** Whether the socket is a TCP socket; only TCP can be reset. */
  abstract readonly isTcp: boolean;

  get errno(): number {
    return this.#errno;
  }

  /**
   * Stores the errno of a failure that the relay itself found, because Bun will not see this
   * failure. EPIPE says only that the side takes no more bytes. So another errno, which tells the
   * reason, replaces EPIPE, but EPIPE never replaces another errno.
   */
  failed(errno: number): void {
    this.#store(errno);
  }

  /**
   * Like `failed`, for the errno of a read. It is always the true reason: after the peer's FIN, a
   * read finds the end of the stream, even if a reset has followed (tcp_recvmsg_locked(),
   * SOCK_DONE).
   */
  readFailed(errno: number): void {
    this.#store(errno);
  }

  #store(errno: number): void {
    if (this.#errno === 0 || this.#errno === EPIPE) this.#errno = errno;
  }

  /** Gives the side a socket. */
  attach(socket: Socket<unknown>): void {
    this.socket = socket;
    this.fd = socket.fd;
  }

  /** Removes the socket from the side without closing the socket. */
  detach(): void {
    this.socket = null;
    this.fd = -1;
    this.ready = false;
  }

  /** Stops Bun's reading from this side. */
  pause(): void {
    this.#isPaused = true;
    this.socket?.pause();
  }

  /** Lets Bun read from this side again. */
  resume(): void {
    this.#isPaused = false;
    this.socket?.resume();
  }

  /**
   * Returns the approximate number of bytes that this side can take now; 0 or less if it can take
   * none.
   */
  takesNow(): number {
    const room = libc === null ? Infinity : sendBufferSpace(libc, this.fd, this.isTcp);
    this.#roomLeast = room === Infinity ? 0 : room;
    return room;
  }

  /**
   * A low estimate of the number of bytes that this side can take, made without asking the kernel;
   * 0 or less if unknown. If the kernel reduces the send buffer, because all TCP sockets together
   * use too much memory, the estimate is too high until the next call of `takesNow`.
   */
  get roomLeast(): number {
    return this.#roomLeast;
  }

  /**
   * Returns whether the kernel reports this side as writable, which means that a large part of the
   * socket's send buffer is free.
   */
  hasMuchRoom(): boolean {
    return libc === null || libc.writable(this.fd) !== 0;
  }

  /**
   * Makes Bun report the event `drain` as soon as this side has much room, even if no write has
   * found the side full.
   */
  awaitMuchRoom(): void {
    // Bun begins to wait for room whenever a socket is paused or resumed. So do both. The order
    // leaves the reading as it was: paused or not paused.
    if (this.#isPaused) {
      this.socket?.resume();
      this.socket?.pause();
    } else {
      this.socket?.pause();
      this.socket?.resume();
    }
  }

  /**
   * Writes the first `length` bytes. If the kernel does not take all of them, the event `drain`
   * follows.
   *
   * @returns the number of bytes that the kernel took; if the side takes no more bytes, a negative
   *   errno
   */
  write(bytes: Uint8Array, length = bytes.length): number {
    if (this.isTcp || length <= UNIX_SENT_MOST) return this.#writeOnce(bytes, length);
    let taken = 0;
    while (taken < length) {
      const piece = bytes.subarray(taken, Math.min(taken + UNIX_SENT_MOST, length));
      const sent = this.#writeOnce(piece, piece.length);
      if (sent < 0) return sent;
      taken += sent;
      if (sent < piece.length) break;
    }
    return taken;
  }

  /** As `write`. On a Unix socket, `length` must not be larger than `UNIX_SENT_MOST`. */
  #writeOnce(bytes: Uint8Array, length: number): number {
    if (this.socket === null) return -EPIPE;
    const sent = libc === null ? 0 : libc.send(this.fd, bytes, length);
    if (sent === length) {
      this.#roomLeast -= ROOM_A_BYTE * sent;
      return sent;
    }
    this.#roomLeast = 0;
    if (sent < 0 && sent !== -EAGAIN) {
      this.failed(-sent);
      return sent;
    }
    // The kernel has no more room. Write the rest through Bun, because Bun waits for room only
    // after one of its own writes was incomplete. If Bun's write fails, the reason is lost: Bun
    // does not report the error, and has already removed the error from the socket (SO_ERROR). So
    // report EPIPE; `ConnectionSide.failed` finds out whether the side was reset. Without FFI it
    // cannot, so assume that a TCP side was reset.
    const taken = Math.max(sent, 0);
    const more = this.socket.write(bytes.subarray(taken, length));
    if (more >= 0) return taken + more;
    const errno = this.isTcp && libc === null ? ECONNRESET : EPIPE;
    this.failed(errno);
    return -errno;
  }

  /**
   * Writes bytes from a kernel pipe. If bytes are left, no event `drain` follows, unlike after
   * `write`; the caller must call `writeFrom` again at once.
   *
   * A splice(2) that moves a part of the bytes may have met the failure of a Unix side and removed
   * the error from the socket, as a large send(2) does (`UNIX_SENT_MOST`). Then the next splice(2)
   * finds EPIPE. The peer has closed its socket between the two calls, with bytes of the first call
   * in its queue, so this function stores ECONNRESET. If the peer turns out to have only shut down
   * its reading, call `onlyShutReading`.
   *
   * @returns the number of bytes, or a negative errno; -EAGAIN if the side has no room
   */
  writeFrom(pipe: KernelPipe): number {
    const { bytes } = pipe;
    const taken = pipe.drain(this.fd);
    this.#roomLeast = taken < 0 ? 0 : this.#roomLeast - ROOM_A_BYTE * taken;
    const isHidden = taken === -EPIPE && this.#splicedPart && !this.isTcp;
    if (taken < 0 && taken !== -EAGAIN) this.failed(isHidden ? ECONNRESET : -taken);
    this.#isConcluded ||= isHidden;
    this.#splicedPart = taken > 0 && taken < bytes;
    return taken;
  }

  /**
   * Sends the end of stream to this side. Do not use Bun's `end()` instead, because it closes both
   * directions.
   */
  shutdown(): void {
    this.socket?.shutdown();
  }

  /**
   * Whether this side has shut down only its reading and can still send. Read this property only
   * after a write to the side has failed. It is true only for a Unix socket, because TCP does not
   * tell the peer about a shutdown of reading (shutdown(2), SHUT_RD).
   */
  get readsNoMore(): boolean {
    return !this.isTcp && libc !== null && this.fd >= 0 && libc.hungUp(this.fd) === 0;
  }

  /** Takes back a failure that `writeFrom` has concluded, because the peer can still send. */
  onlyShutReading(): void {
    if (this.#isConcluded) this.#errno = EPIPE;
  }

  /**
   * Shuts down the reading from this side. From now on, the writes of a Unix peer fail with EPIPE.
   * On a TCP socket, this function does nothing.
   */
  shutReading(): void {
    if (!this.isTcp && this.fd >= 0) libc?.shutReading(this.fd);
  }

  /** Closes the socket at once. A TCP peer sees a reset, a Unix peer a close. */
  terminate(): void {
    this.socket?.terminate();
  }

  /**
   * Closes the socket. The kernel still delivers the bytes that it has taken, unless bytes from
   * this side are unread.
   */
  close(): void {
    this.socket?.close();
  }

  /**
   * Returns the number of bytes that the kernel has taken and that the peer has not received; 0
   * without FFI.
   */
  unsent(): number {
    return libc === null || this.socket === null ? 0 : Math.max(libc.unsent(this.fd), 0);
  }
}
