import type { Socket } from "bun";
import { Duplex } from "node:stream";

/**
 * A socket of Bun as a stream of Node, for `http.Server`, which parses requests from any stream.
 *
 * The owner of the socket calls `socketSent`, `socketDrained`, `socketEnded` and `socketClosed` at
 * the socket's events.
 */
export class SocketStream extends Duplex {
  readonly #socket: Socket<unknown>;
  /** Writes the rest of a chunk; non-null exactly while the kernel's buffer is full. */
  #resume: (() => void) | null = null;
  /** True after `ignoreInput` or `socketClosed` was called: bytes that arrive later are dropped. */
  #deaf = false;

  constructor(socket: Socket<unknown>) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
  }

  /** Drops every byte that the client sends from now on. */
  ignoreInput(): void {
    this.#deaf = true;
    this.#socket.resume();
  }

  socketSent(bytes: Uint8Array): void {
    if (this.#deaf || this.push(bytes)) return;
    this.#socket.pause();
  }

  socketDrained(): void {
    const resume = this.#resume;
    this.#resume = null;
    resume?.();
  }

  socketEnded(): void {
    if (!this.#deaf) this.push(null);
  }

  socketClosed(): void {
    this.#deaf = true;
    this.destroy();
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Uint8Array, _encoding: string, done: (error?: Error) => void): void {
    const taken = this.#socket.write(chunk);
    if (taken < 0) done(new Error("the client has gone"));
    else if (taken === chunk.length) done();
    else this.#resume = () => this._write(chunk.subarray(taken), _encoding, done);
  }

  /**
   * Closes the sending direction of the socket. The socket closes fully once the client has closed
   * its sending direction.
   */
  override _final(done: (error?: Error) => void): void {
    this.#socket.shutdown();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.terminate();
    done(error);
  }
}
