import { EPIPE } from "../../os/errno.ts";
import { libc, type Libc } from "../../os/libc.ts";
import { SO_ERROR, SOL_SOCKET } from "../../os/linux-constants.ts";
import type { Side } from "./side.ts";

const READ_MOST = 256 * 1024;

/**
 * The bytes that arrived from a side before its socket failed, for example by a reset, and that
 * nobody has read yet. The bytes stay in the kernel until the other side has room for them. The
 * kernel may hold tens of MiB of unread bytes (tcp(7), tcp_rmem), and Bun would read all of them at
 * once, even while Bun's reading from the side is paused.
 */
export class FailedSocketBytes {
  readonly #system: Libc;
  readonly #fd: number;
  /** Receives the bytes of each read; null if no caller needs them. */
  onRead: ((bytes: Uint8Array) => void) | null = null;
  #bytes: number;

  private constructor(system: Libc, fd: number, bytes: number) {
    this.#system = system;
    this.#fd = fd;
    this.#bytes = bytes;
  }

  /**
   * Takes over the unread bytes of a failed side: duplicates the descriptor, so that the caller can
   * close the side's socket without losing the bytes. Also moves the socket's error into the side:
   * the call that reads the error also clears the error in the socket. If an earlier call has
   * cleared the error, for example a write that met the reset, `side` has the errno already.
   *
   * @returns null if the side has not failed, if there are no unread bytes, if no descriptor is
   *   free, or without FFI; in these cases Bun delivers the bytes
   */
  static of(side: Side): FailedSocketBytes | null {
    if (libc === null) return null;
    const bytes = libc.unread(side.fd);
    if (bytes <= 0) return null;
    const errno = libc.getOption(side.fd, SOL_SOCKET, SO_ERROR);
    if (errno > 0) side.failed(errno);
    else if (!hasClosed(side)) return null;
    const fd = libc.duplicate(side.fd);
    return fd < 0 ? null : new FailedSocketBytes(libc, fd, bytes);
  }

  /** The number of bytes that are still unread. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Reads the next bytes. Closes the duplicated descriptor after the last byte. */
  read(): Uint8Array {
    const bytes = new Uint8Array(Math.min(READ_MOST, this.#bytes));
    const length = this.#system.receive(this.#fd, bytes, bytes.length);
    if (length <= 0) throw new Error(`a failed socket gave ${length} of ${this.#bytes} bytes`);
    this.#bytes -= length;
    if (this.#bytes === 0) this.#system.close(this.#fd);
    const read = bytes.subarray(0, length);
    this.onRead?.(read);
    return read;
  }

  /** Drops the unread bytes and closes the duplicated descriptor. */
  close(): void {
    if (this.#bytes === 0) return;
    this.#bytes = 0;
    this.#system.close(this.#fd);
  }
}

/**
 * Whether a failure that the relay found proves that no more bytes will come from a side. A Unix
 * side with EPIPE may have shut down only its reading, so it can still send. A TCP side gives EPIPE
 * only after a reset (tcp_reset()).
 */
function hasClosed({ errno, isTcp }: Side): boolean {
  return errno !== 0 && (isTcp || errno !== EPIPE);
}
