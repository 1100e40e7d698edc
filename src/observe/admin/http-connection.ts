import type { Socket } from "bun";
import type { AcceptHandlers } from "../../relay/listen/pausable-listener.ts";
import { SocketStream } from "./bun-socket-as-node-stream.ts";
import type { HttpLimits } from "./http-limits.ts";

/**
 * One connection of a `BoundedHttpServer`. It carries one request and one answer, then it is
 * closed.
 */
export class HttpConnection {
  readonly stream: SocketStream;
  /**
   * True after the client has sent the whole head of a request, or bytes that are not a valid
   * request.
   */
  #asked = false;
  /**
   * The time, by `performance.now()`, at which the connection's present phase began. The first
   * phase begins when the client is accepted, the second phase when the request has arrived.
   */
  #since = performance.now();

  constructor(readonly socket: Socket<HttpConnection>) {
    this.stream = new SocketStream(socket);
  }

  /**
   * Notes that the connection's request has arrived. Returns false if an earlier request has
   * arrived on the same connection.
   */
  requestArrived(): boolean {
    if (this.#asked) return false;
    this.#asked = true;
    this.#since = performance.now();
    this.stream.ignoreInput();
    return true;
  }

  /**
   * Cuts the connection if it has used up the time of its present phase.
   *
   * @param now - the present time by `performance.now()`
   * @param isScarce - whether idle connections keep other clients out (`idleWhenScarce`)
   */
  cutIfLate(now: number, limits: HttpLimits, isScarce: boolean): void {
    if (now - this.#since >= this.#phaseTime(limits, isScarce)) this.#cut();
  }

  /** The time that the connection may stay in its present phase, in milliseconds. */
  #phaseTime(limits: HttpLimits, isScarce: boolean): number {
    const { asking, answering, leaving, idleWhenScarce } = limits;
    if (this.#asked && !this.stream.writableFinished) return answering;
    if (isScarce) return idleWhenScarce;
    return this.#asked ? leaving : asking;
  }

  #cut(): void {
    // If the whole answer was written, the kernel still delivers it after `end()`. Otherwise reset
    // the connection, so that the client does not take a part of the answer for the whole answer.
    if (this.stream.writableFinished) this.socket.end();
    else this.socket.terminate();
  }
}

/** Handlers of a listening socket whose clients a `BoundedHttpServer` serves. */
export type HttpConnectionHandlers = AcceptHandlers<HttpConnection>;
