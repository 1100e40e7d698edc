import type { Socket, SocketHandler } from "bun";
import type { SocketEndpoint } from "../address/address.ts";
import { OwnClientCounts } from "./admission/client-counts.ts";
import type { RelayContext } from "./relay-context.ts";
import { type BoundedRelay, HeldMemory, memoryBound } from "./limits/held-memory-limit.ts";
import type { SharedConnectionLimit } from "./limits/shared-connection-limit.ts";
import { type Admitted, ClientAdmission, needsAddresses } from "./admission/client-admission.ts";
import { printPeer, type Refusal } from "./admission/access-rules.ts";
import type { ThreadCapture } from "./capture/capture-in-thread.ts";
import { RelayCapture } from "./capture/begin-capture.ts";
import { TappedPipe } from "./capture/tapped-pipe.ts";
import { LimitPause } from "./listen/pause-at-limits.ts";
import {
  connectionsAllowed,
  connectionsCarried,
  waitingClientsMost,
} from "./listen/descriptor-budget.ts";
import { combineObservers } from "./combine-observers.ts";
import { ExpectedHeaders } from "./proxy-protocol/expected-headers.ts";
import { selfLoopCheck } from "./reach/self-loop-check.ts";
import { reach } from "./reach/begin-attempt.ts";
import { isInOwnNetwork } from "../os/network-namespace.ts";
import { WaitingLine } from "./reach/waiting-line.ts";
import { Connection, type ConnectionsState, type SocketOwner } from "./connection/connection.ts";
import { isEbb } from "./connection/ebb.ts";
import { destroy } from "./connection/settle-connection.ts";
import { Drain } from "./connection/drain-at-stop.ts";
import { NO_LIMITS, type DrainLimits } from "./limits/drain-limits.ts";
import { handlers } from "./connection/socket-handlers.ts";
import { keepSideAlive } from "./connection/keepalive.ts";
import { UnadmittedSocket } from "./connection/unadmitted-socket.ts";
import { watchConnections } from "./connection/watch-connections.ts";
import { type SourceWatch, watchSource } from "./listen/watch-source.ts";
import { backlogOf } from "./listen/bind-source.ts";
import { endpointOf } from "./listen/inherited-socket.ts";
import { removeFile } from "./listen/socket-file/identify-and-remove.ts";
import { listen, type Listeners } from "./listen/open-listeners.ts";
import { type PlacedFile, type HandedSource, isInherited } from "./kinds-of-source.ts";
import type { Observer, Stop } from "./observer.ts";
import { DEFAULTS, type OneClientOptions, type RelayOptions } from "./options.ts";
import type { PausableRelay } from "./relay-interface.ts";
import { type HeaderOf, headerOf } from "./proxy-protocol/write-header.ts";
import { makeConnectionsState } from "./connection/make-connections-state.ts";
import { checkDestinationNetwork } from "./check-network-namespaces.ts";
import { loaded } from "../os/libc.ts";

// The delay of a new connection during an ebb (`isEbb`), in milliseconds. It must be longer than
// the time that a relay needs to pass on the end of a connection: up to 40 ms until the last bytes
// are acknowledged (tcp(7), TCP_QUICKACK), and the pause until the relay's next check whether they
// are.
const EBB_DELAY = 100;

/**
 * The reason for refusing a client that finds no place to wait, while the source is paused without
 * FFI.
 */
const NO_PLACE_TO_WAIT = "all places are taken, and without FFI no more clients can wait";

/** The name under which this file pauses a handed-over source until `accept` is called. */
const NOT_BEGUN = "not begun";

/** The name under which this file pauses the source between `suspend` and `resume`. */
const SUSPENDED = "suspended";

/**
 * Listens on the source and relays each connection to the destination, until the relay is stopped.
 *
 * @throws {RelayError} if listening on the source fails.
 */
export async function startRelay(
  options: RelayOptions | OneClientOptions,
  context: RelayContext = {},
): Promise<PausableRelay> {
  const relay = new RunningRelay(endpointOf(options.source), options, context);
  await relay.listen(options);
  return relay;
}

class RunningRelay implements PausableRelay, BoundedRelay {
  readonly #shared: ConnectionsState;
  readonly #observer: Observer;
  readonly #line = new WaitingLine();
  readonly #drainLimits: DrainLimits;
  readonly #drain: Drain;
  readonly #inherited: boolean;
  readonly #clientAdmission: ClientAdmission;
  readonly #headerOf: HeaderOf | null;
  readonly #unadmitted: UnadmittedSocket;
  /** Reads the PROXY headers; non-null exactly if the option `acceptProxy` is set. */
  readonly #expectedHeaders: ExpectedHeaders | null;
  /** Resolves when the relay has stopped accepting. */
  readonly #closed = Promise.withResolvers<void>();
  readonly #stopped = Promise.withResolvers<void>();
  #endpoint: SocketEndpoint;
  #listeners: Listeners | null = null;
  #limitPause: LimitPause | null = null;
  /** The periodic checks of the open connections; they run until the relay has stopped. */
  #watches: readonly Disposable[] = [];
  #file: PlacedFile | null = null;
  /**
   * Watches the source's file or network namespace. Null if the source depends on neither, or if
   * another thread opened the source.
   */
  #sourceWatch: SourceWatch | null = null;
  /**
   * Whether the relay may accept clients. False for a handed-over source until `accept` is called.
   */
  #accepts = false;
  /**
   * The last id that was given to a connection, by this relay or by the relay that handed over the
   * source.
   */
  #lastId: number;
  /** The queue length that the relay requests from the kernel. */
  readonly #backlog: number;
  /**
   * The limit of open connections that this relay shares with other relays; null if there is none.
   */
  readonly #limit: SharedConnectionLimit | null;
  /** Non-null exactly if another thread writes the packets of this relay to the capture file. */
  readonly #threadCapture: ThreadCapture | null;
  /** The identities of the capture files that the old process of a handover still writes. */
  readonly #handedCaptures: readonly string[];
  /** The capture of this relay's connections; null if they are not captured. */
  #capture: RelayCapture | null = null;
  /** The bytes that all relays of this thread hold, and their limit. */
  readonly #memory: HeldMemory;
  /**
   * The number of late sockets (`ConnectionsState.lateSockets`) that can exist without using the
   * descriptors that are kept for connections.
   */
  #lateSocketsSpare = 0;
  #stopping = false;

  constructor(
    endpoint: SocketEndpoint,
    options: RelayOptions | OneClientOptions,
    {
      counts = new OwnClientCounts(),
      limit = null,
      memory = new HeldMemory(memoryBound(1, Infinity), 0),
      lastId = 0,
      captureFiles = [],
      capture,
    }: RelayContext,
  ) {
    this.#memory = memory;
    this.#endpoint = endpoint;
    this.#limit = limit;
    this.#threadCapture = capture ?? null;
    this.#handedCaptures = captureFiles;
    this.#lastId = lastId;
    this.#backlog = backlogOf(options.source, options);
    this.#observer = combineObservers(options.observer === undefined ? [] : [options.observer]);
    this.#inherited = isInherited(options.source);
    const { drainTimeout = DEFAULTS.drainTimeout } = options;
    this.#drainLimits = { drainTimeout, standstillTimeout: DEFAULTS.standstillTimeout };
    this.#clientAdmission = new ClientAdmission(options, endpoint, counts);
    const { proxyProtocol } = options;
    this.#headerOf = proxyProtocol === undefined ? null : headerOf(proxyProtocol, endpoint);
    this.#shared = makeConnectionsState(endpoint, options, memory, this.#observer, {
      isFull: () => this.#limitPause?.isFull === true || this.#limit?.isReached === true,
      exhausted: (code) => this.#limitPause?.descriptorsExhausted(code),
      ended: (connection) => this.#connectionEnded(connection),
      lateSocketEnded: () => this.#freePlace(),
    });
    this.#drain = new Drain(this.#shared.connections);
    this.#unadmitted = new UnadmittedSocket(this.#observer);
    this.#expectedHeaders = options.acceptProxy === true ? this.#expectHeaders() : null;
  }

  get endpoint(): SocketEndpoint {
    return this.#endpoint;
  }

  get stopped(): Promise<void> {
    return this.#stopped.promise;
  }

  get lastId(): number {
    return this.#lastId;
  }

  get captureFile(): string | null {
    return this.#capture?.fileIdentity ?? null;
  }

  get connections(): number {
    const headers = this.#expectedHeaders;
    return this.#shared.connections.size + (headers === null ? 0 : headers.count);
  }

  async listen(options: RelayOptions | OneClientOptions): Promise<void> {
    if (loaded.libc === null) this.#observer.warning(withoutLibc(loaded.reason));
    const accept = this.#acceptHandlers();
    const { source, destination } = options;
    // A source of the kind `descriptors` is for a worker; another thread has already checked the
    // network.
    if (source.kind !== "descriptors")
      checkDestinationNetwork(destination, options.destinationNetns, (message) =>
        this.#observer.warning(message),
      );
    const max = connectionsAllowed(options.connectionsMax, (message) =>
      this.#observer.warning(message),
    );
    this.#lateSocketsSpare = connectionsCarried() - max;
    // Begin the capture before `listen` if the source is one connected client, because `listen`
    // then opens the connection of this client.
    if (source.kind === "connected") this.#beginCapture(options);
    const { listeners, endpoint, file } = await listen(
      source,
      {
        ...options,
        notice: (message) => this.#observer.notice(message),
        keepsFirstPackets: needsAddresses(options, this.#endpoint),
        waiting: {
          most: waitingClientsMost(max),
          refused: () => this.#observer.refused("", NO_PLACE_TO_WAIT),
        },
      },
      accept,
    );
    this.#listeners = listeners;
    this.#endpoint = endpoint;
    const isElsewhere = (options.sourceNetns ?? options.destinationNetns) !== undefined;
    if (!isElsewhere && (!this.#inherited || listeners.descriptors.every(isInOwnNetwork)))
      this.#shared.leadsBack = selfLoopCheck(endpoint, options.destination);
    this.#file = file;
    if (source.kind !== "connected") this.#beginCapture(options);
    if (source.kind !== "descriptors")
      this.#sourceWatch = watchSource(file, options.sourceNetns, this.#observer);
    this.#limitPause = new LimitPause(max, listeners, this.#observer);
    this.#limit?.join(this);
    this.#memory.join(this);
    this.#watches = watchConnections(this.#shared, options);
    this.#accepts = source.kind !== "handed";
    if (this.#accepts) this.#observer.listening(this.#endpoint);
    else this.pauseFor(NOT_BEGUN);
  }

  /**
   * Begins the capture that the option `capture` asks for, if it is set.
   *
   * @throws {RelayError} if the capture file cannot be made. The listeners are stopped before the
   *   error is thrown.
   */
  #beginCapture(options: RelayOptions | OneClientOptions): void {
    const { destination, source } = options;
    try {
      this.#capture = RelayCapture.begin(options, {
        ...{ source: this.#endpoint, destination },
        thread: this.#threadCapture,
        handedOver: this.#handedCaptures,
        observer: this.#observer,
      });
    } catch (error) {
      this.#listeners?.stop();
      // During a handover the socket file still belongs to the relay that hands over.
      if (source.kind !== "handed") this.#removeFile();
      throw error;
    }
    this.#shared.capture = this.#capture?.recording ?? null;
  }

  #acceptHandlers(): SocketHandler<SocketOwner, "uint8array"> {
    const headers = this.#expectedHeaders;
    if (headers === null) return { ...handlers, open: (socket) => this.#accept(socket) };
    return {
      ...headers.handlersBefore(handlers),
      open: (socket) => this.#acceptProxy(socket, headers),
    };
  }

  accept(): void {
    if (this.#accepts) return;
    this.#accepts = true;
    this.resumeFor(NOT_BEGUN);
    this.#observer.listening(this.#endpoint);
  }

  forHandover(): HandedSource {
    return {
      kind: "handed",
      endpoint: this.#endpoint,
      fds: this.#listeners?.descriptors ?? [],
      file: this.#file?.identity ?? null,
      backlog: this.#backlog,
    };
  }

  async leave({ isGivenUp = false } = {}): Promise<void> {
    // From now on the capture file at the path belongs to the relay that takes over.
    this.#capture?.stay();
    void this.#stop(NO_LIMITS, "handed over", !isGivenUp);
    await this.#closed.promise;
  }

  async stop(limits: Partial<DrainLimits> = {}): Promise<void> {
    await this.#stop({ ...this.#drainLimits, ...limits }, "asked");
  }

  async stopIfIdle(): Promise<boolean> {
    if (this.connections > 0) return false;
    await this.#stop(this.#drainLimits, "idle");
    return true;
  }

  async #stop(limits: DrainLimits, cause: Stop["cause"], keepsFile = false): Promise<void> {
    this.#drain.shorten(limits);
    this.#expectedHeaders?.cutAfter(limits.drainTimeout);
    if (!this.#stopping) {
      // Resume, because the clients in the queue must be served before the source is closed.
      this.resume();
      this.#stopping = true;
      await this.#close(keepsFile);
      this.#closed.resolve();
      this.#observer.draining(this.connections);
      await this.#expectedHeaders?.emptied();
      await this.#drain.run();
      await this.#capture?.close();
      for (const watch of this.#watches) watch[Symbol.dispose]();
      this.#observer.stopped({ cause, cut: this.#drain.cut });
      this.#stopped.resolve();
    }
    await this.#stopped.promise;
  }

  async suspend(): Promise<number> {
    this.pauseFor(SUSPENDED);
    return this.connections;
  }

  resume(): void {
    this.resumeFor(SUSPENDED);
  }

  lookForFile(): void {
    if (!this.#stopping) this.#sourceWatch?.look();
  }

  async responds(): Promise<void> {
    // This relay runs in the caller's thread, which obviously responds.
  }

  pauseFor(holder: string): void {
    if (!this.#stopping) this.#limitPause?.pauseFor(holder);
  }

  resumeFor(holder: string): void {
    if (!this.#stopping) this.#limitPause?.resumeFor(holder);
  }

  endCapture(): void {
    this.#capture?.end();
  }

  abandon(): void {
    if (!this.#stopping) this.#stopListening();
    this.#stopping = true;
    this.#expectedHeaders?.cut();
    for (const connection of this.#shared.connections) destroy(connection, "fault");
    this.#capture?.flush();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop({ drainTimeout: 0 });
  }

  /**
   * The number of taken places: the open connections, and the late sockets above
   * `#lateSocketsSpare`.
   */
  get #taken(): number {
    return this.connections + Math.max(0, this.#shared.lateSockets - this.#lateSocketsSpare);
  }

  #freePlace(): void {
    if (!this.#stopping) this.#limitPause?.closed(this.#taken);
  }

  /** Counts an accepted client. The relay pauses if this client took the last place. */
  #takePlace(): void {
    this.#limitPause?.opened(this.#taken);
    if (this.#limit?.opened(this) === true) this.#observer.full(this.#limit.open, "shared");
    this.#memory.look();
  }

  memoryFull(): void {
    // Stop reading from clients whose destination is not reached yet, because the bytes of such
    // clients may add up fastest.
    for (const { up } of this.#shared.connections) up.awaitReady();
    this.#observer.full(this.connections, "memory");
  }

  #leavePlace(): void {
    this.#freePlace();
    this.#limit?.closed();
  }

  #accept(socket: Socket<SocketOwner>): void {
    socket.data = this.#unadmitted;
    const admitted = this.#clientAdmission.admit(socket);
    if ("reason" in admitted) return this.#refuse(socket, admitted);
    const connection = this.#open(socket, admitted);
    this.#takePlace();
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
    this.#takePlace();
  }

  #expectHeaders(): ExpectedHeaders {
    return new ExpectedHeaders({
      observer: this.#observer,
      came: (socket, proxy, ends, rest) => {
        socket.data = this.#unadmitted;
        const admitted = this.#clientAdmission.admitProxied(proxy, ends);
        if ("reason" in admitted) {
          this.#refuse(socket, admitted);
          return this.#leavePlace();
        }
        const connection = this.#open(socket, admitted);
        if (rest.length > 0) connection.up.receive(rest);
        this.#reach(connection);
      },
      refused: ({ client, reason }) => {
        this.#observer.refused(client, reason);
        this.#leavePlace();
      },
      cut: () => this.#leavePlace(),
    });
  }

  #refuse(socket: Socket<SocketOwner>, { client, reason }: Refusal): void {
    socket.terminate();
    this.#observer.refused(client, reason);
  }

  #open(socket: Socket<SocketOwner>, admitted: Admitted): Connection {
    this.#lastId += 1;
    const connection = new Connection(this.#shared, this.#lastId, admitted);
    const { client } = connection;
    socket.data = client;
    client.attach(socket);
    client.ready = true;
    if (this.#headerOf !== null) connection.preface = this.#headerOf(admitted.accepted);
    if (loaded.libc === null) keepSideAlive(client, this.#shared.keepalive);
    const { connections, bulk } = this.#shared;
    connections.add(connection);
    if (connections.size === 1) bulk?.join();
    const { up } = connection;
    if (up instanceof TappedPipe) up.conversation.began(nameOfClient(connection));
    this.#observer.opened(connection);
    return connection;
  }

  #reach(connection: Connection): void {
    if (this.#memory.isReached) connection.up.awaitReady();
    reach(connection, this.#line, isEbb(this.#shared, connection.openedAt) ? EBB_DELAY : 0);
  }

  /**
   * Stops listening. Removes the socket file, serves the clients that are already in the queue, and
   * only then closes the source. With `keepsFile`, the file and the queue are left to the process
   * that takes the source over. The queue of an inherited socket is left to the next process that
   * accepts from the socket.
   */
  async #close(keepsFile: boolean): Promise<void> {
    this.#sourceWatch?.[Symbol.dispose]();
    if (!keepsFile) {
      this.#removeFile();
      if (!this.#inherited) await new Promise(setImmediate);
    }
    this.#stopListening();
  }

  #removeFile(): void {
    try {
      if (this.#file !== null) removeFile(this.#file);
    } catch (error) {
      this.#observer.fault(error);
    }
  }

  #stopListening(): void {
    this.#limit?.leave(this);
    this.#memory.leave(this);
    this.#limitPause?.[Symbol.dispose]();
    this.#listeners?.stop();
  }

  #connectionEnded({ admitted }: Connection): void {
    this.#clientAdmission.left(admitted);
    this.#leavePlace();
    if (this.#shared.connections.size === 0) this.#shared.bulk?.leave();
    this.#drain.connectionEnded();
  }
}

/** Returns the name of a client for the comments of a capture. */
function nameOfClient({ clientAddress, clientPeer }: Connection): string {
  if (clientAddress !== "") return clientAddress;
  return clientPeer === null ? "unknown" : printPeer(clientPeer);
}

function withoutLibc(reason: string): string {
  return `FFI is not available (${reason}): some promises do not hold, see "Without FFI" in the README`;
}
