import type { Socket, SocketHandler } from "bun";
import type { AcceptedClient, ProxiedEnds, Unaddressed } from "../admission/accepted-client.ts";
import type { Refusal } from "../admission/allow-and-deny-rules.ts";
import { printAccepted } from "../admission/print-client.ts";
import { type Deadline, DeadlineQueue, type Expiring } from "../connection/deadline-queue.ts";
import type { SocketOwner } from "../connection/connection.ts";
import { UnadmittedSocket } from "../connection/unadmitted-socket.ts";
import type { Observer } from "../observer.ts";
import { type HeaderFault, readProxyHeader } from "./read-header.ts";
import { HEADER_REFUSALS } from "../admission/refusal-reasons.ts";

type OwnedSocket = Socket<SocketOwner>;
type Handlers = SocketHandler<SocketOwner, "uint8array">;

/** The time in which a proxy must send its whole header, in milliseconds. */
const HEADER_TIMEOUT = 3_000;

/** The functions that the relay calls when the wait for the header of a proxy has ended. */
export interface HeaderHandling {
  readonly observer: Observer;
  /**
   * Called when a whole header of `length` bytes has arrived. `rest` holds the bytes that follow
   * the header. This function must give the socket a new owner (`socket.data`) or terminate the
   * socket.
   */
  came(
    socket: OwnedSocket,
    proxy: AcceptedClient,
    ends: ProxiedEnds | Unaddressed,
    length: number,
    rest: Uint8Array,
  ): void;
  /** Called when a proxy was refused because its header was invalid, late or incomplete. */
  refused(refusal: Refusal): void;
  /**
   * Called when the relay stops and has reset the connection of a proxy whose header was not
   * complete.
   */
  cut(): void;
}

/** A proxy that has not sent its whole header. This object is the owner of the proxy's socket. */
class ExpectedHeader extends UnadmittedSocket implements Expiring {
  deadline: Deadline | null = null;
  /** The bytes of the header that have arrived so far. */
  bytes: Uint8Array = new Uint8Array();

  constructor(
    observer: Observer,
    readonly connecting: OwnedSocket,
    readonly proxy: AcceptedClient,
  ) {
    super(observer);
  }
}

/**
 * The accepted proxies of one relay that have not sent their whole header. If a proxy does not send
 * its whole header within `HEADER_TIMEOUT`, its connection is reset, and the proxy counts as
 * refused.
 */
export class ExpectedHeaders {
  readonly #waiting = new Set<ExpectedHeader>();
  readonly #deadlines: DeadlineQueue<ExpectedHeader>;
  readonly #handling: HeaderHandling;
  /** Resolves the promise of `emptied`. Non-null exactly while this promise is pending. */
  #whenEmpty: (() => void) | null = null;

  #isCut = false;

  constructor(handling: HeaderHandling) {
    this.#handling = handling;
    this.#deadlines = new DeadlineQueue(HEADER_TIMEOUT, (header) => this.#refuse(header, "late"));
  }

  /** The number of proxies that have not sent their whole header. */
  get count(): number {
    return this.#waiting.size;
  }

  /** Waits for the header of a proxy. */
  expect(socket: OwnedSocket, proxy: AcceptedClient): void {
    const header = new ExpectedHeader(this.#handling.observer, socket, proxy);
    socket.data = header;
    this.#waiting.add(header);
    this.#deadlines.add(header);
    this.#handling.observer.waitingForHeader(1);
    if (this.#isCut) setImmediate(() => this.cut());
  }

  /**
   * Returns the handlers for accepted sockets. They read the header of each socket. After the
   * header has arrived, they pass the events of the socket to `handlers`.
   */
  handlersBefore(handlers: Handlers): Handlers {
    return {
      ...handlers,
      data: (socket, chunk) => {
        const owner = socket.data;
        if (owner instanceof ExpectedHeader) this.#receive(owner, chunk);
        else void handlers.data?.(socket, chunk);
      },
      end: (socket) => {
        const owner = socket.data;
        if (owner instanceof ExpectedHeader) this.#refuse(owner, "cut");
        else void handlers.end?.(socket);
      },
      close: (socket, error) => {
        const owner = socket.data;
        if (owner instanceof ExpectedHeader) this.#refuse(owner, "cut");
        else void handlers.close?.(socket, error);
      },
    };
  }

  /**
   * Resolves when the relay waits for no header: each accepted proxy has sent its whole header, or
   * its connection has ended.
   */
  async emptied(): Promise<void> {
    if (this.#waiting.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#whenEmpty = resolve;
    await promise;
  }

  /**
   * Resets the connections of all proxies whose header is not complete within `time` milliseconds
   * from now.
   */
  cutAfter(time: number): void {
    if (time === 0) this.cut();
    // Unreference the timer, because the timer alone must not keep the process alive; the sockets
    // of the proxies do.
    else if (time < HEADER_TIMEOUT) setTimeout(() => this.cut(), time).unref();
  }

  /**
   * Resets the connections of all proxies whose header is not complete. From now on, the connection
   * of each newly accepted proxy is reset, too. These proxies do not count as refused.
   */
  cut(): void {
    this.#isCut = true;
    for (const header of this.#waiting) {
      this.#forget(header);
      header.connecting.terminate();
      this.#handling.cut();
    }
  }

  #receive(header: ExpectedHeader, chunk: Uint8Array): void {
    // A whole header usually comes in one chunk. In this case there is nothing to join.
    const bytes = header.bytes.length === 0 ? chunk : Buffer.concat([header.bytes, chunk]);
    const reading = readProxyHeader(bytes);
    switch (reading.kind) {
      case "incomplete":
        header.bytes = bytes;
        return;
      case "invalid":
        return this.#refuse(header, reading.fault);
      case "complete":
        this.#forget(header);
        return this.#handling.came(
          header.connecting,
          header.proxy,
          reading.ends,
          reading.length,
          bytes.subarray(reading.length),
        );
    }
  }

  #refuse(header: ExpectedHeader, why: HeaderFault | "late" | "cut"): void {
    if (!this.#waiting.has(header)) return;
    // Read the client's name before the socket is closed, because the kernel identifies the peer of
    // a Unix socket only while the socket is open.
    const client = printAccepted(header.proxy);
    this.#forget(header);
    header.connecting.terminate();
    this.#handling.refused({ client, reason: HEADER_REFUSALS[why] });
  }

  #forget(header: ExpectedHeader): void {
    this.#waiting.delete(header);
    this.#deadlines.delete(header);
    this.#handling.observer.waitingForHeader(-1);
    if (this.#waiting.size > 0) return;
    this.#whenEmpty?.();
    this.#whenEmpty = null;
  }
}
