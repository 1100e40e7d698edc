import { libc, type Libc, SO_ERROR, SOL_SOCKET } from "../../os/libc.ts";
import type { Side } from "./side.ts";

const READ_MOST = 256 * 1024;

/**
 * What came from a side that has failed, and is still the kernel's. Bun would read all of it at once,
 * paused or not, and the kernel may have tens of MiB (tcp(7), tcp_rmem); here it stays where it is
 * until there is room for it.
 */
export class FailedSocketBytes {
  readonly #system: Libc;
  readonly #fd: number;
  #bytes: number;

  private constructor(system: Libc, fd: number, bytes: number) {
    this.#system = system;
    this.#fd = fd;
    this.#bytes = bytes;
  }

  /**
   * What there is of a side, whose socket is to be let go then; its failure is taken from the socket
   * and noted on it. Null where it has not failed, where nothing is left, or without a descriptor for
   * it: Bun delivers the rest.
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

  /** Bytes that have not been read. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The next of them; after the last ones it is closed. */
  read(): Uint8Array {
    const bytes = new Uint8Array(Math.min(READ_MOST, this.#bytes));
    const length = this.#system.receive(this.#fd, bytes, bytes.length);
    if (length <= 0) throw new Error(`a failed socket gave ${length} of ${this.#bytes} bytes`);
    this.#bytes -= length;
    if (this.#bytes === 0) this.#system.close(this.#fd);
    return bytes.subarray(0, length);
  }

  /** Forgets them, if there are any. */
  close(): void {
    if (this.#bytes === 0) return;
    this.#bytes = 0;
    this.#system.close(this.#fd);
  }
}
