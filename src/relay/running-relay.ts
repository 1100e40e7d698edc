import type { SocketEndpoint } from "../address/address.ts";
import { loaded } from "../os/libc.ts";
import { isInOwnNetwork } from "../os/network-namespace.ts";
import { ClientAcceptor } from "./accept-clients.ts";
import { needsAddresses } from "./admission/client-admission.ts";
import { OwnClientCounts } from "./admission/client-counts.ts";
import { RelayCapture } from "./capture/begin-capture.ts";
import type { ThreadCapture } from "./capture/capture-in-thread.ts";
import type { HandedCaptures } from "./capture/capture-path.ts";
import { checkDestinationNetwork } from "./check-network-namespaces.ts";
import { combineObservers } from "./combine-observers.ts";
import type { Connection, ConnectionsState } from "./connection/connection.ts";
import { Drain } from "./connection/drain-at-stop.ts";
import { makeConnectionsState } from "./connection/make-connections-state.ts";
import { destroy } from "./connection/settle-connection.ts";
import { watchConnections } from "./connection/watch-connections.ts";
import { type HandedSource, isInherited, type PlacedFile } from "./kinds-of-source.ts";
import { type DrainLimits, NO_LIMITS } from "./limits/drain-limits.ts";
import { HeldMemory, memoryBound } from "./limits/held-memory-limit.ts";
import { backlogOf } from "./listen/bind-source.ts";
import { connectionsAllowed, waitingClientsMost } from "./listen/descriptor-budget.ts";
import { endpointOf } from "./listen/inherited-socket.ts";
import { openListeners, type Listeners } from "./listen/open-listeners.ts";
import { removeFile } from "./listen/socket-file/identify-and-remove.ts";
import { type SourceWatch, watchSource } from "./listen/watch-source.ts";
import type { Observer, Stop } from "./observer.ts";
import { DEFAULTS, type OneClientOptions, type RelayOptions } from "./options.ts";
import { Places } from "./places.ts";
import { selfLoopCheck } from "./reach/self-loop-check.ts";
import type { RelayContext } from "./relay-context.ts";
import type { PausableRelay } from "./relay-interface.ts";

/**
 * The reason for refusing a client without FFI: while the source is paused, accepted clients wait
 * in the relay, and the maximum number of clients already waits.
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

class RunningRelay implements PausableRelay {
  readonly #shared: ConnectionsState;
  readonly #observer: Observer;
  readonly #drainLimits: DrainLimits;
  readonly #drain: Drain;
  readonly #inherited: boolean;
  readonly #places: Places;
  readonly #clients: ClientAcceptor;
  /** Resolves when the relay has stopped accepting. */
  readonly #closed = Promise.withResolvers<void>();
  readonly #stopped = Promise.withResolvers<void>();
  #endpoint: SocketEndpoint;
  #listeners: Listeners | null = null;
  /** The periodic checks of the open connections; they run until the relay has stopped. */
  #watches: readonly Disposable[] = [];
  #file: PlacedFile | null = null;
  /**
   * Watches the source's file or network namespace. Null if the source depends on neither, or if
   * another thread or another program opened the source.
   */
  #sourceWatch: SourceWatch | null = null;
  /**
   * Whether the relay may accept clients. False for a handed-over source until `accept` is called.
   */
  #accepts = false;
  /** The queue length that the relay requests from the kernel. */
  readonly #backlog: number;
  /**
   * Receives the captured packets of this relay if another thread writes the capture file. Null if
   * this relay writes its own file or captures nothing.
   */
  readonly #threadCapture: ThreadCapture | null;
  /** Whether a worker thread runs this relay as its part of a relay (`RelayContext.isShare`). */
  readonly #isShare: boolean;
  /** The captures of the predecessor; null if this process took over from no predecessor. */
  readonly #handedCaptures: HandedCaptures | null;
  /** The capture of this relay's connections; null if they are not captured. */
  #capture: RelayCapture | null = null;
  #stopping = false;

  constructor(
    endpoint: SocketEndpoint,
    options: RelayOptions | OneClientOptions,
    {
      counts = new OwnClientCounts(),
      limit = null,
      memory = new HeldMemory(memoryBound(1, Infinity), 0),
      lastId = 0,
      captures,
      capture,
      isShare = false,
    }: RelayContext,
  ) {
    this.#endpoint = endpoint;
    this.#threadCapture = capture ?? null;
    this.#handedCaptures = captures ?? null;
    this.#isShare = isShare;
    this.#backlog = backlogOf(options.source, options);
    this.#observer = combineObservers(options.observer === undefined ? [] : [options.observer]);
    this.#inherited = isInherited(options.source);
    const { drainTimeout = DEFAULTS.drainTimeout } = options;
    this.#drainLimits = { drainTimeout, standstillTimeout: DEFAULTS.standstillTimeout };
    this.#shared = makeConnectionsState(endpoint, options, memory, this.#observer, {
      isFull: () => this.#places.isFull,
      exhausted: (code) => this.#places.descriptorsExhausted(code),
      ended: (connection) => this.#connectionEnded(connection),
      lateSocketEnded: () => this.#places.lateSocketEnded(),
    });
    this.#drain = new Drain(this.#shared.connections);
    this.#places = new Places(this.#shared, {
      ...{ limit, memory },
      count: () => this.connections,
    });
    this.#clients = new ClientAcceptor(options, {
      ...{ endpoint, counts, lastId },
      shared: this.#shared,
      places: this.#places,
    });
  }

  get endpoint(): SocketEndpoint {
    return this.#endpoint;
  }

  get stopped(): Promise<void> {
    return this.#stopped.promise;
  }

  get lastId(): number {
    return this.#clients.lastId;
  }

  get captureFile(): string | null {
    return this.#capture?.fileIdentity ?? null;
  }

  get connections(): number {
    return this.#shared.connections.size + this.#clients.waitingForHeader;
  }

  async listen(options: RelayOptions | OneClientOptions): Promise<void> {
    if (loaded.libc === null) this.#observer.warning(withoutLibc(loaded.reason));
    const { source, destination } = options;
    if (!this.#isShare)
      checkDestinationNetwork(destination, options.destinationNetns, (message) =>
        this.#observer.warning(message),
      );
    const max = connectionsAllowed(options.connectionsMax, (message) =>
      this.#observer.warning(message),
    );
    // If the source is one connected client, begin the capture before `openListeners`, because
    // `openListeners` opens the connection of this client.
    if (source.kind === "connected") this.#beginCapture(options);
    const { listeners, endpoint, file } = await openListeners(
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
      this.#clients.handlers(),
    );
    this.#listeners = listeners;
    this.#endpoint = endpoint;
    const isElsewhere = (options.sourceNetns ?? options.destinationNetns) !== undefined;
    if (!isElsewhere && (!this.#inherited || listeners.descriptors.every(isInOwnNetwork)))
      this.#shared.leadsBack = selfLoopCheck(endpoint, options.destination);
    this.#file = file;
    if (source.kind !== "connected") this.#beginCapture(options);
    if (!this.#isShare) this.#sourceWatch = watchSource(file, options.sourceNetns, this.#observer);
    this.#places.begin(max, listeners);
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

  accept(): void {
    if (this.#accepts) return;
    this.#accepts = true;
    this.resumeFor(NOT_BEGUN);
    this.#observer.listening(this.#endpoint);
  }

  takeCapturePath(): void {
    this.#capture?.take();
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
    // Begin no further capture file, because from now on the path belongs to the relay that takes
    // over.
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
    this.#clients.cutHeadersAfter(limits.drainTimeout);
    if (!this.#stopping) {
      // Resume, because the clients in the queue must be served before the source is closed.
      this.resume();
      this.#stopping = true;
      this.#places.close();
      await this.#close(keepsFile);
      this.#closed.resolve();
      this.#observer.draining(this.connections);
      await this.#clients.headersEnded();
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
    // Resolve at once: this relay runs in the caller's thread, so a call proves that the thread is
    // not blocked.
  }

  pauseFor(holder: string): void {
    this.#places.pauseFor(holder);
  }

  resumeFor(holder: string): void {
    this.#places.resumeFor(holder);
  }

  endCapture(): void {
    this.#capture?.end();
  }

  abandon(): void {
    if (!this.#stopping) this.#stopListening();
    this.#stopping = true;
    this.#places.close();
    this.#clients.cutHeaders();
    for (const connection of this.#shared.connections) destroy(connection, "fault");
    this.#capture?.flush();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop({ drainTimeout: 0 });
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
    this.#places[Symbol.dispose]();
    this.#listeners?.stop();
  }

  #connectionEnded(connection: Connection): void {
    this.#clients.left(connection);
    this.#places.leave();
    if (this.#shared.connections.size === 0) this.#shared.bulk?.leave();
    this.#drain.connectionEnded();
  }
}

function withoutLibc(reason: string): string {
  return `FFI is not available (${reason}): some promises do not hold, see "Without FFI" in the README`;
}
