import type { Socket } from "bun";
import type { SocketEndpoint } from "../address/address.ts";
import { loaded } from "../os/libc.ts";
import type { Refusal } from "./admission/allow-and-deny-rules.ts";
import { type Admitted, ClientAdmission } from "./admission/admit-or-refuse-client.ts";
import type { ClientCounts } from "./admission/client-counts.ts";
import { printPeer } from "./admission/print-client.ts";
import { TappedPipe } from "./capture/tapped-pipe.ts";
import { Connection, type ConnectionsState, type SocketOwner } from "./connection/connection.ts";
import { areClientsLeaving } from "./connection/ring-of-full-relays.ts";
import { keepAliveWithoutFfi } from "./connection/keepalive.ts";
import { readSparingly } from "./connection/read-sparingly-at-memory-limit.ts";
import { handlers } from "./connection/socket-handlers.ts";
import { UnadmittedSocket } from "./connection/unadmitted-socket.ts";
import type { AcceptHandlers } from "./listen/pausable-listener.ts";
import type { OneClientOptions, RelayOptions } from "./options.ts";
import type { Places } from "./places-for-connections.ts";
import { ExpectedHeaders } from "./proxy-protocol/expected-headers.ts";
import { type HeaderOf, headerOf } from "./proxy-protocol/write-header.ts";
import { beginAttempt } from "./reach/begin-attempt.ts";
import { WaitingLine } from "./reach/waiting-line.ts";

// If clients are leaving a full relay (`areClientsLeaving`), the relay waits this time before it
// connects to the destination for a new client, in milliseconds. A relay must be able to pass on
// the end of a connection in this time. The peer may acknowledge the last
// bytes up to 40 ms late (tcp(7), TCP_QUICKACK), and the relay checks for the acknowledgement every
// 50 ms at first (`FIRST_PAUSE` in lingering-close.ts).
const LEAVING_DELAY = 100;

interface AcceptorNeeds {
  /** The address of the relay's source. */
  readonly endpoint: SocketEndpoint;
  /** Counts the open connections of each client. */
  readonly counts: ClientCounts;
  /**
   * If another relay handed over the source: the highest id that the other relay can give to a
   * connection; otherwise 0. The first connection of this relay gets the next id.
   */
  readonly lastId: number;
  readonly shared: ConnectionsState;
  readonly places: Places;
}

/**
 * Admits or refuses each accepted client, opens a connection for an admitted client, and begins to
 * reach the destination.
 */
export class ClientAcceptor {
  readonly #shared: ConnectionsState;
  readonly #places: Places;
  readonly #line = new WaitingLine();
  readonly #clientAdmission: ClientAdmission;
  readonly #headerOf: HeaderOf | null;
  readonly #unadmitted: UnadmittedSocket;
  /** Reads the PROXY headers; non-null exactly if the option `acceptProxy` is set. */
  readonly #expectedHeaders: ExpectedHeaders | null;
  /**
   * The id of this relay's latest connection. Before the first connection: `lastId` of
   * `AcceptorNeeds`.
   */
  #lastId: number;

  /**
   * @throws {RelayError} if the options for the admission of clients are invalid
   *   (`ClientAdmission`).
   */
  constructor(
    options: RelayOptions | OneClientOptions,
    { endpoint, counts, lastId, shared, places }: AcceptorNeeds,
  ) {
    this.#shared = shared;
    this.#places = places;
    this.#lastId = lastId;
    this.#clientAdmission = new ClientAdmission(options, endpoint, counts);
    const { proxyProtocol } = options;
    this.#headerOf = proxyProtocol === undefined ? null : headerOf(proxyProtocol, endpoint);
    this.#unadmitted = new UnadmittedSocket(shared.observer);
    this.#expectedHeaders = options.acceptProxy === true ? this.#expectHeaders() : null;
  }

  /** See `HandoverRelay.lastId`. */
  get lastId(): number {
    return this.#lastId;
  }

  /** The number of proxies that have not sent their whole PROXY header. */
  get waitingForHeader(): number {
    return this.#expectedHeaders === null ? 0 : this.#expectedHeaders.count;
  }

  /** Returns the handlers for the events of accepted sockets. */
  handlers(): AcceptHandlers<SocketOwner> {
    const headers = this.#expectedHeaders;
    if (headers === null) return { ...handlers, open: (socket) => this.#accept(socket) };
    return {
      ...headers.handlersBefore(handlers),
      open: (socket) => this.#acceptProxy(socket, headers),
    };
  }

  /** Removes an ended connection from the counts of its client. */
  left({ admitted }: Connection): void {
    this.#clientAdmission.left(admitted);
  }

  /**
   * Resets the connections of all proxies whose PROXY header is not complete within `time`
   * milliseconds from now.
   */
  cutHeadersAfter(time: number): void {
    this.#expectedHeaders?.cutAfter(time);
  }

  /**
   * Resets the connections of all proxies whose PROXY header is not complete, and of all proxies
   * that are accepted later.
   */
  cutHeaders(): void {
    this.#expectedHeaders?.cut();
  }

  /**
   * Resolves when the relay waits for no PROXY header: each accepted proxy has sent its header or
   * has gone.
   */
  async headersEnded(): Promise<void> {
    await this.#expectedHeaders?.emptied();
  }

  #accept(socket: Socket<SocketOwner>): void {
    socket.data = this.#unadmitted;
    const admitted = this.#clientAdmission.admit(socket);
    if ("reason" in admitted) return this.#refuse(socket, admitted);
    const connection = this.#open(socket, admitted);
    this.#places.take();
    this.#reach(connection);
  }

  /**
   * Accepts a proxy, which counts as an open connection from now on. The relay admits the proxy's
   * client after the header has arrived.
   */
  #acceptProxy(socket: Socket<SocketOwner>, headers: ExpectedHeaders): void {
    socket.data = this.#unadmitted;
    const proxy = this.#clientAdmission.admitProxy(socket);
    if ("reason" in proxy) return this.#refuse(socket, proxy);
    headers.expect(socket, proxy);
    this.#places.take();
  }

  #expectHeaders(): ExpectedHeaders {
    return new ExpectedHeaders({
      observer: this.#shared.observer,
      came: (socket, proxy, ends, length, rest) => {
        socket.data = this.#unadmitted;
        const admitted = this.#clientAdmission.admitProxied(proxy, ends);
        if ("reason" in admitted) {
          this.#refuse(socket, admitted);
          return this.#places.leave();
        }
        const connection = this.#open(socket, admitted);
        connection.client.headerBytes = length;
        if (rest.length > 0) connection.up.receive(rest);
        this.#reach(connection);
      },
      refused: ({ client, reason }) => {
        this.#shared.observer.refused(client, reason);
        this.#places.leave();
      },
      cut: () => this.#places.leave(),
    });
  }

  #refuse(socket: Socket<SocketOwner>, { client, reason }: Refusal): void {
    socket.terminate();
    this.#shared.observer.refused(client, reason);
  }

  #open(socket: Socket<SocketOwner>, admitted: Admitted): Connection {
    this.#lastId += 1;
    const connection = new Connection(this.#shared, this.#lastId, admitted);
    const { client } = connection;
    socket.data = client;
    client.attach(socket);
    client.ready = true;
    if (this.#headerOf !== null) connection.preface = this.#headerOf(admitted.accepted);
    if (loaded.libc === null) keepAliveWithoutFfi(client, this.#shared.keepalive);
    const { connections, bulk } = this.#shared;
    connections.add(connection);
    if (connections.size === 1) bulk?.join();
    const { up } = connection;
    if (up instanceof TappedPipe) up.conversation.began(nameOfClient(connection));
    this.#shared.observer.opened(connection);
    return connection;
  }

  #reach(connection: Connection): void {
    if (this.#shared.memory.isReached) readSparingly(connection);
    beginAttempt(
      connection,
      this.#line,
      areClientsLeaving(this.#shared, connection.openedAt) ? LEAVING_DELAY : 0,
    );
  }
}

/**
 * Returns the text that describes a client in a comment of the capture file: the address of a TCP
 * client, or the user, group and process of a Unix client; `unknown` if the relay knows neither.
 */
function nameOfClient({ clientAddress, clientPeer }: Connection): string {
  if (clientAddress !== "") return clientAddress;
  return clientPeer === null ? "unknown" : printPeer(clientPeer);
}
