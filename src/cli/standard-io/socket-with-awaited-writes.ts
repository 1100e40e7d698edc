import type { Socket, SocketHandler } from "bun";

/**
 * A connected stream socket whose reads and writes the caller awaits: at most one read and one
 * write at a time.
 */
export class StreamSocket {
  readonly #socket: Socket<StreamSocket>;
  #chunk: Uint8Array | null = null;
  /** Whether the peer has sent its end of stream, or the socket is closed. */
  #hasEnded = false;
  #isClosed = false;
  /** Ends the wait of `read`; non-null exactly while `read` waits. */
  #readable: (() => void) | null = null;
  /** Ends the wait of `write`; non-null exactly while `write` waits. */
  #writable: (() => void) | null = null;

  private constructor(socket: Socket<StreamSocket>) {
    this.#socket = socket;
  }

  /** Makes a stream socket, which owns the connected descriptor `fd` from then on. */
  static async adopt(fd: number): Promise<StreamSocket> {
    let stream: StreamSocket | undefined;
    const socket: SocketHandler<StreamSocket, "uint8array"> = {
      ...HANDLERS,
      open(opened) {
        stream = new StreamSocket(opened);
        opened.data = stream;
      },
    };
    await Bun.connect({ fd, allowHalfOpen: true, socket });
    if (stream === undefined) throw new Error("Bun did not adopt the descriptor");
    return stream;
  }

  /** The next bytes; null after the peer's end of stream, or after the socket has closed. */
  async read(): Promise<Uint8Array | null> {
    while (this.#chunk === null) {
      if (this.#hasEnded) return null;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#readable = resolve;
      await promise;
    }
    const chunk = this.#chunk;
    this.#chunk = null;
    this.#socket.resume();
    return chunk;
  }

  /**
   * Writes all bytes. Resolves with true when all bytes are written, and with false if the socket
   * has closed or failed. In both cases the caller may use the buffer again.
   */
  async write(bytes: Uint8Array): Promise<boolean> {
    let at = 0;
    while (at < bytes.length) {
      if (this.#isClosed) return false;
      const taken = this.#socket.write(bytes.subarray(at));
      if (taken < 0) return false;
      at += taken;
      if (at === bytes.length) break;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#writable = resolve;
      await promise;
    }
    return true;
  }

  /** Sends the end of the stream. */
  shutdown(): void {
    this.#socket.shutdown();
  }

  /** Closes the socket. Waiting reads and writes end as after a close by the peer. */
  close(): void {
    this.#socket.close();
  }

  /** Called when bytes have arrived. */
  came(chunk: Uint8Array): void {
    // Append to the unread chunk, because Bun 1.4.5 may deliver a further chunk after `pause`. This
    // happens rarely, so the cost of the copy does not matter.
    this.#chunk = this.#chunk === null ? chunk : Buffer.concat([this.#chunk, chunk]);
    this.#socket.pause();
    this.#wake();
  }

  /** Called when the peer has sent its end of stream. */
  ended(): void {
    this.#hasEnded = true;
    this.#wake();
  }

  /** Called when the socket has closed. */
  closed(): void {
    this.#isClosed = true;
    this.#hasEnded = true;
    this.#wake();
    this.drained();
  }

  /** Called when the socket can take bytes again. */
  drained(): void {
    this.#writable?.();
    this.#writable = null;
  }

  #wake(): void {
    this.#readable?.();
    this.#readable = null;
  }
}

const HANDLERS: SocketHandler<StreamSocket, "uint8array"> = {
  binaryType: "uint8array",
  data: (socket, chunk) => socket.data.came(chunk),
  drain: (socket) => socket.data.drained(),
  end: (socket) => socket.data.ended(),
  close: (socket) => socket.data.closed(),
};
