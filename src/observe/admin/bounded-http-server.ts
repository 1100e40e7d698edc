import type { Socket } from "bun";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { descriptorShortage } from "../../os/descriptor-shortage.ts";
import { HEADROOM } from "../../relay/listen/watch-for-free-descriptors.ts";
import type { PausableListener } from "../../relay/listen/pausable-listener.ts";
import { HTTP_LIMITS, type HttpLimits } from "./http-limits.ts";
import { type Answerer, requestOf } from "./http-request-and-answer.ts";
import { HttpConnection, type HttpConnectionHandlers } from "./http-connection.ts";
import { ProcessorShare } from "./processor-time-budget.ts";

// The longest time, in milliseconds, between two checks of the server. A check asks whether a
// connection has used up its time, and whether the process has a free descriptor.
const LOOK_PERIOD = 1_000;

// An estimate of the processor time, in milliseconds, that the kernel and Bun spend on one event of
// a connection, such as the arrival of bytes. `#measure` adds this estimate to the time that the
// event's handler takes.
const EVENT_COST = 0.02;

// An estimate of the processor time, in milliseconds, that the kernel and Bun spend on the accept
// and the close of a connection together. The estimate is high on purpose: a measurement found
// 0.055 ms (8,000 connections a second took 44 % of a core).
const CONNECTION_COST = 0.1;

/**
 * Answers one HTTP request per connection. Whatever clients do, all of them together use no more
 * descriptors, memory and processor time than `limits` allows.
 *
 * This class accepts the connections itself; `node:http` only parses requests and writes answers.
 * The reason is that neither the server of `node:http` nor `Bun.serve` can limit connections: when
 * no descriptor is left, both try to accept without end, and `Bun.serve` never closes a connection
 * on which nothing was sent. `node:http` does not apply its timeouts to connections that it did not
 * accept itself, so this class has timeouts of its own. (All of this is true for Bun 1.4.5.)
 */
export class BoundedHttpServer implements Disposable {
  readonly #limits: HttpLimits;
  readonly #answer: Answerer;
  readonly #http: Server;
  readonly #share: ProcessorShare;
  /** The open connections, the oldest first. */
  readonly #connections = new Set<HttpConnection>();
  readonly #connectionOf = new WeakMap<object, HttpConnection>();
  /** The listener; null before `listen` has ended, and again after `drain` or the disposal. */
  #listening: PausableListener | null = null;
  /**
   * True if `listen` was called with `held`, and `accept` has not been called yet. The server
   * accepts no clients while this is true.
   */
  #held = false;
  /**
   * The promise that `drain` returns; it resolves when the last connection has closed. Null before
   * `drain` is called.
   */
  #drained: PromiseWithResolvers<void> | null = null;
  #paused = false;
  /**
   * True if the last check found too few free descriptors. The server accepts no clients while this
   * is true.
   */
  #exhausted = false;
  #timer: Timer | undefined;
  /**
   * The time, by `performance.now()`, of the next check; `Infinity` before the first check is
   * planned.
   */
  #due = Infinity;

  constructor(answer: Answerer, limits: HttpLimits = HTTP_LIMITS) {
    this.#answer = answer;
    this.#limits = limits;
    this.#share = new ProcessorShare(limits.processorShare, limits.processorBurst);
    this.#http = createServer({ maxHeaderSize: limits.head, requireHostHeader: false })
      .on("request", (request, response) => void this.#asked(request, response))
      .on("clientError", (error, stream) => this.#misunderstood(error, stream));
  }

  /**
   * Listens. Accepts clients at once, unless `held` is true.
   *
   * @param bind - a function that listens on an address, and uses its argument as the handlers of
   *   the accepted sockets
   * @param held - true if the server must not accept clients until `accept` is called
   * @returns the result of `bind`
   * @throws the error of `bind`
   */
  async listen<Bound extends { readonly listeners: PausableListener }>(
    bind: (handlers: HttpConnectionHandlers) => Bound | Promise<Bound>,
    held = false,
  ): Promise<Bound> {
    const handlers: HttpConnectionHandlers = {
      binaryType: "uint8array",
      open: (socket) => this.#accept(socket),
      data: ({ data: { stream } }, bytes) => this.#measure(() => stream.socketSent(bytes)),
      drain: ({ data: { stream } }) => this.#measure(() => stream.socketDrained()),
      end: ({ data: { stream } }) => this.#measure(() => stream.socketEnded()),
      close: ({ data: connection }) => this.#closed(connection),
    };
    const bound = await bind(handlers);
    this.#listening = bound.listeners;
    this.#held = held;
    this.#settle();
    return bound;
  }

  /** Starts to accept clients. Needed only if `listen` was called with `held`. */
  accept(): void {
    this.#held = false;
    this.#settle();
  }

  /**
   * Stops accepting clients. Resolves when every connection has closed: after its answer, or
   * because its time was used up (`HttpConnection.cutIfLate`).
   */
  async drain(): Promise<void> {
    this.#listening?.stop();
    this.#listening = null;
    this.#drained ??= Promise.withResolvers();
    this.#settle();
    await this.#drained.promise;
  }

  /** Stops listening and cuts every connection. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#listening?.stop();
    this.#listening = null;
    for (const { socket } of this.#connections) socket.terminate();
  }

  #accept(socket: Socket<HttpConnection>): void {
    const connection = new HttpConnection(socket);
    socket.data = connection;
    this.#connections.add(connection);
    this.#connectionOf.set(connection.stream, connection);
    this.#measure(() => this.#http.emit("connection", connection.stream), CONNECTION_COST);
    // Without FFI the listener cannot pause, so it may accept more clients than the limit allows.
    // Close the connection of such a client at once.
    if (this.#connections.size > this.#limits.connections) socket.terminate();
    this.#settle();
  }

  #closed(connection: HttpConnection): void {
    this.#connections.delete(connection);
    connection.stream.socketClosed();
    this.#settle();
  }

  async #asked(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const connection = this.#connectionOf.get(request.socket);
    // Ignore everything after the first request, because a connection carries only one request.
    if (connection === undefined || !connection.requestArrived()) return;
    const began = performance.now();
    const { status, headers, body } = await this.#answer(requestOf(request));
    response.writeHead(status, {
      ...headers,
      "content-length": Buffer.byteLength(body),
      connection: "close",
    });
    response.end(request.method === "HEAD" ? undefined : body);
    this.#share.spend(performance.now() - began);
  }

  /** Refuses bytes that are not an HTTP request, and a request whose head is too long. */
  #misunderstood(error: NodeJS.ErrnoException, stream: Duplex): void {
    const connection = this.#connectionOf.get(stream);
    if (connection === undefined || !connection.requestArrived()) return;
    const status =
      error.code === "HPE_HEADER_OVERFLOW"
        ? "431 Request Header Fields Too Large"
        : "400 Bad Request";
    stream.end(`HTTP/1.1 ${status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`);
  }

  #measure(work: () => void, cost = EVENT_COST): void {
    const began = performance.now();
    work();
    this.#share.spend(performance.now() - began + cost);
  }

  /** Pauses or resumes the listener, as the limits demand, and plans the next check. */
  #settle(): void {
    if (this.#drained !== null) return this.#settleDrain(this.#drained);
    if (this.#listening === null) return;
    const full = this.#isFull();
    const { wait } = this.#share;
    const mayAccept = !this.#held && !full && wait === 0 && !this.#exhausted;
    if (mayAccept && this.#paused) this.#paused = !this.#listening.resume();
    else if (!mayAccept && !this.#paused) this.#paused = this.#listening.pause();
    this.#lookIn(full ? this.#limits.idleWhenScarce : Math.min(wait || LOOK_PERIOD, LOOK_PERIOD));
  }

  #settleDrain({ resolve }: PromiseWithResolvers<void>): void {
    if (this.#connections.size > 0) return this.#lookIn(this.#limits.idleWhenScarce);
    clearTimeout(this.#timer);
    resolve();
  }

  #lookIn(milliseconds: number): void {
    const due = performance.now() + milliseconds;
    if (due >= this.#due) return;
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => void this.#look(), milliseconds);
  }

  /**
   * Cuts the connections that have used up the time of their present phase
   * (`HttpConnection.cutIfLate`), and checks whether enough descriptors are left.
   */
  async #look(): Promise<void> {
    // Bun runs overdue timers before it reads sockets. So first wait until Bun has read the
    // requests that have already arrived. One immediate is not enough, because it may run before
    // the event loop polls its descriptors; the second immediate runs after the poll.
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    this.#due = Infinity;
    const now = performance.now();
    const isScarce = this.#isFull() || this.#share.wait > 0 || this.#drained !== null;
    for (const connection of this.#connections) connection.cutIfLate(now, this.#limits, isScarce);
    this.#exhausted = descriptorShortage(this.#exhausted ? HEADROOM : 1) !== null;
    this.#settle();
  }

  #isFull(): boolean {
    return this.#connections.size >= this.#limits.connections;
  }
}
