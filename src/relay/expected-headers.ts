import type { Socket, SocketHandler } from "bun";
import { printIpEndpoint } from "../address/ip-endpoint.ts";
import { libc } from "../os/libc.ts";
import { readPeer } from "../os/peer-credentials.ts";
import type { AcceptedClient } from "./accepted-client.ts";
import { printPeer, type Refusal } from "./access.ts";
import { EqualDeadlines } from "./connection/equal-deadlines.ts";
import type { SocketOwner } from "./connection/connection.ts";
import { Unadmitted } from "./connection/unadmitted.ts";
import type { Observer } from "./observer.ts";
import { type HeaderFault, type ProxiedEnds, readProxyHeader } from "./read-proxy-header.ts";
import { HEADER_REFUSALS } from "./refusal-reasons.ts";

type OwnedSocket = Socket<SocketOwner>;
type Handlers = SocketHandler<SocketOwner, "uint8array">;

/** How long a proxy may take to send its whole header, in milliseconds. */
const HEADER_TIMEOUT = 3_000;

/** What the relay does with the proxies that it waited for. */
export interface HeaderHandling {
  readonly observer: Observer;
  /**
   * A header came. `rest` holds the bytes that came behind it. The socket has no owner any more;
   * the caller must give it one, or terminate it.
   */
  came(
    socket: OwnedSocket,
    proxy: AcceptedClient,
    ends: ProxiedEnds | null,
    rest: Uint8Array,
  ): void;
  /** A proxy was refused for its header. */
  refused(refusal: Refusal): void;
  /** A stop has reset a proxy before its header was complete. */
  cut(): void;
}

/** A proxy that has not sent its whole header: the owner of its socket. */
class ExpectedHeader extends Unadmitted {
  /** The bytes that came so far. */
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
 * The accepted proxies of one relay that have not sent their whole header. Each of them either
 * sends it within `HEADER_TIMEOUT`, or is reset and counts as refused.
 */
export class ExpectedHeaders {
  readonly #waiting = new Set<ExpectedHeader>();
  readonly #deadlines: EqualDeadlines<ExpectedHeader>;
  readonly #handling: HeaderHandling;
  /** Called when nobody waits any more; non-null exactly while `emptied` is pending. */
  #whenEmpty: (() => void) | null = null;

  #isCut = false;

  constructor(handling: HeaderHandling) {
    this.#handling = handling;
    this.#deadlines = new EqualDeadlines(HEADER_TIMEOUT, (header) => this.#refuse(header, "late"));
  }

  /** How many proxies have not sent their whole header. */
  get count(): number {
    return this.#waiting.size;
  }

  /** Waits for the header of a proxy. */
  expect(socket: OwnedSocket, proxy: AcceptedClient): void {
    const header = new ExpectedHeader(this.#handling.observer, socket, proxy);
    socket.data = header;
    this.#waiting.add(header);
    this.#deadlines.add(header);
    if (this.#isCut) setImmediate(() => this.cut());
  }

  /** The handlers of accepted sockets: `handlers`, and before these the reading of headers. */
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

  /** Resolves when every proxy that waits now has sent its header, or is gone. */
  async emptied(): Promise<void> {
    if (this.#waiting.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#whenEmpty = resolve;
    await promise;
  }

  /** Resets all proxies whose header does not come within `time` milliseconds from now. */
  cutAfter(time: number): void {
    if (time === 0) this.cut();
    else if (time < HEADER_TIMEOUT) setTimeout(() => this.cut(), time);
  }

  /** Resets all proxies that wait, and all that come; they do not count as refused. */
  cut(): void {
    this.#isCut = true;
    for (const header of this.#waiting) {
      this.#forget(header);
      header.connecting.terminate();
      this.#handling.cut();
    }
  }

  #receive(header: ExpectedHeader, chunk: Uint8Array): void {
    // A whole header usually comes in one chunk.
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
          bytes.subarray(reading.length),
        );
    }
  }

  #refuse(header: ExpectedHeader, why: HeaderFault | "late" | "cut"): void {
    if (!this.#waiting.has(header)) return;
    // Before its socket closes: the client of a Unix socket is unknown afterwards.
    const client = nameOf(header.proxy);
    this.#forget(header);
    header.connecting.terminate();
    this.#handling.refused({ client, reason: HEADER_REFUSALS[why] });
  }

  #forget(header: ExpectedHeader): void {
    this.#waiting.delete(header);
    this.#deadlines.delete(header);
    if (this.#waiting.size > 0) return;
    this.#whenEmpty?.();
    this.#whenEmpty = null;
  }
}

/** A proxy's address, or the user and process of one at a Unix socket; `""` if unknown. */
function nameOf({ fd, client }: AcceptedClient): string {
  if (client !== null) return printIpEndpoint(client);
  const peer = libc === null || fd < 0 ? null : readPeer(libc, fd);
  return peer === null || "code" in peer ? "" : printPeer(peer);
}
