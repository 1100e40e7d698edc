import { libc, type Libc, SO_ERROR, SOL_SOCKET } from "../../os/libc.ts";
import type { Side } from "./side.ts";

const READ_MOST = 256 * 1024;

/**
 * The unread bytes of a failed side, which stay in the kernel until there is room for them. The kernel
 * may hold tens of MiB of them (tcp(7), tcp_rmem), and Bun would read them all at once, paused or not.
 */
export class FailedSocketBytes {
  readonly #system: Libc;
  readonly #fd: number;
  /** Called with the bytes of each read, if somebody wants to know. */
  onRead: ((bytes: Uint8Array) => void) | null = null;
  #bytes: number;

  private constructor(system: Libc, fd: number, bytes: number) {
    this.#system = system;
    this.#fd = fd;
    this.#bytes = bytes;
  }

  /**
   * Takes over the unread bytes of a side by a descriptor of its own; the caller then closes the side's
   * socket. Consumes the socket's error and notes it on the side. Null if the side has not failed, if
   * nothing is unread, or if there is no descriptor: then Bun delivers the bytes.
   */
  static of(side: Side): FailedSocketBytes | null {
    if (libc === null) return null;
    const bytes = libc.unread(side.fd);
    if (bytes <= 0) return null;
    const errno = libc.getOption(side.fd, SOL_SOCKET, SO_ERROR);
    if (errno <= 0) return null;
    side.failed(errno);
    const fd = libc.duplicate(side.fd);
    return fd < 0 ? null : new FailedSocketBytes(libc, fd, bytes);
  }

  /** How many bytes are unread. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Reads the next bytes. Closes the descriptor after the last. */
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

  /** Drops the bytes that are left. */
  close(): void {
    if (this.#bytes === 0) return;
    this.#bytes = 0;
    this.#system.close(this.#fd);
  }
}
