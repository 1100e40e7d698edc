import type { SocketEndpoint } from "../address/address.ts";
import { loaded } from "../os/libc.ts";
import { ClientAcceptor } from "./accept-clients.ts";
import { needsAddresses } from "./admission/admit-or-refuse-client.ts";
import { OwnClientCounts } from "./admission/client-counts.ts";
import { RelayCapture } from "./capture/begin-capture.ts";
import type { ThreadCapture } from "./capture/capture-of-one-thread.ts";
import type { HandedCaptures } from "./capture/open-and-lock-capture-file.ts";
import { checkDestinationNetwork } from "./check-network-namespaces.ts";
import { combineObservers } from "./combine-observers.ts";
import type { Connection, ConnectionsState } from "./connection/connection.ts";
import { Drain } from "./connection/drain-at-stop.ts";
import { makeConnectionsState } from "./connection/make-connections-state.ts";
import { destroy } from "./connection/settle-connection.ts";
import { watchConnections } from "./connection/watch-connections.ts";
import type { HandedSource } from "./kinds-of-source.ts";
import { type DrainLimits, NO_LIMITS } from "./limits/drain-time-limits.ts";
import { HeldMemory, memoryBound } from "./limits/held-memory-limit.ts";
import { connectionsAllowed, waitingClientsMost } from "./listen/descriptor-budget.ts";
import { ListeningSource } from "./listen/listening-source.ts";
import type { Observer, Stop } from "./observer.ts";
import { DEFAULTS, type OneClientOptions, type RelayOptions } from "./options.ts";
import { Places } from "./places-for-connections.ts";
import { selfLoopCheck } from "./reach/self-loop-at-run-time.ts";
import type { RelayContext } from "./relay-context.ts";
import type { PausableRelay } from "./relay-interface.ts";

/**
 * The reason with which a relay without FFI refuses a client: the source is paused, and the maximum
 * number of accepted clients already waits in the relay.
 */
const NO_PLACE_TO_WAIT = "all places are taken, and without FFI no more clients can wait";

/**
 * The name under which a relay pauses its source (`PausableRelay.pauseFor`) until `accept` is
 * called, if it must wait for this call (`Succession.awaitsAccept`).
 */
const NOT_BEGUN = "not begun";

/**
 * The name under which a relay pauses its own source (`PausableRelay.pauseFor`) from `suspend`
 * until `resume`.
 */
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
  const relay = new RunningRelay(options, context);
  await relay.listen(options, context);
  return relay;
}

class RunningRelay implements PausableRelay {
  readonly #shared: ConnectionsState;
  readonly #observer: Observer;
  readonly #source: ListeningSource;
  readonly #drainLimits: DrainLimits;
  readonly #drain: Drain;
  readonly #places: Places;
  readonly #clients: ClientAcceptor;
  /** Resolves when the relay has stopped accepting. */
  readonly #closed = Promise.withResolvers<void>();
  readonly #stopped = Promise.withResolvers<void>();
  /** The periodic checks of the open connections; they run until the relay has stopped. */
  #watches: readonly Disposable[] = [];
  /** Whether the relay may accept clients. With `awaitsAccept`, false until `accept` is called. */
  #accepts: boolean;
  /**
   * Receives the captured packets of this relay if another thread writes the capture file. Null if
   * this relay writes its own file or captures nothing.
   */
  readonly #threadCapture: ThreadCapture | null;
  /** Whether a worker thread runs this relay as its share of a relay (`RelayContext.isShare`). */
  readonly #isShare: boolean;
  /** The captures of the predecessor; null if this process took over from no predecessor. */
  readonly #handedCaptures: HandedCaptures | null;
  /** The capture of this relay's connections; null if they are not captured. */
  #capture: RelayCapture | null = null;
  #stopping = false;

  constructor(
    options: RelayOptions | OneClientOptions,
    {
      counts = new OwnClientCounts(),
      limit = null,
      memory = new HeldMemory(memoryBound(1, Infinity), 0),
      awaitsAccept = false,
      lastId = 0,
      captures,
      capture,
      isShare = false,
      threads = 1,
    }: RelayContext,
  ) {
    this.#threadCapture = capture ?? null;
    this.#handedCaptures = captures ?? null;
    this.#isShare = isShare;
    this.#accepts = !awaitsAccept;
    this.#observer = combineObservers(options.observer === undefined ? [] : [options.observer]);
    this.#source = new ListeningSource(options, this.#observer);
    const { endpoint } = this.#source;
    const { drainTimeout = DEFAULTS.drainTimeout } = options;
    this.#drainLimits = { drainTimeout, standstillTimeout: DEFAULTS.standstillTimeout };
    this.#shared = makeConnectionsState(endpoint, options, { memory, threads }, this.#observer, {
      isFull: () => this.#places.isFull,
      exhausted: () => this.#places.descriptorsExhausted(),
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
    return this.#source.endpoint;
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

  async listen(
    options: RelayOptions | OneClientOptions,
    { placed }: Pick<RelayContext, "placed">,
  ): Promise<void> {
    if (loaded.libc === null) this.#observer.warning(withoutLibc(loaded.reason));
    const { source, destination } = options;
    if (!this.#isShare)
      checkDestinationNetwork(destination, options.destinationNetns, (message) =>
        this.#observer.warning(message),
      );
    const max = connectionsAllowed(options.connectionsMax, (message) =>
      this.#observer.warning(message),
    );
    // If the source is one connected client, begin the capture before the source is opened, because
    // `open` opens the connection of this client.
    if (source.kind === "connected") this.#beginCapture(options);
    const listeners = await this.#source.open(
      {
        ...options,
        placed,
        notice: (message) => this.#observer.notice(message),
        keepsFirstPackets: needsAddresses(options, this.endpoint),
        waiting: {
          most: waitingClientsMost(max),
          refused: () => this.#observer.refused("", NO_PLACE_TO_WAIT),
        },
      },
      this.#clients.handlers(),
    );
    // If source and destination may be in different network namespaces, only a path can lead back
    // to the source, because a path leads to the same file in all namespaces.
    if (
      destination.kind === "unix" ||
      (options.destinationNetns === undefined && this.#source.isInOwnNetwork)
    )
      this.#shared.leadsBack = selfLoopCheck(this.endpoint, destination);
    if (source.kind !== "connected") this.#beginCapture(options);
    if (!this.#isShare) this.#source.watch();
    this.#places.begin(max, listeners);
    this.#watches = watchConnections(this.#shared, options);
    if (this.#accepts) this.#observer.listening(this.endpoint);
    else this.pauseFor(NOT_BEGUN);
  }

  /**
   * Begins the capture that the option `capture` asks for, if it is set.
   *
   * @throws {RelayError} if the capture file cannot be made. The listeners are stopped before the
   *   error is thrown.
   */
  #beginCapture(options: RelayOptions | OneClientOptions): void {
    const { destination } = options;
    try {
      this.#capture = RelayCapture.begin(options, {
        ...{ source: this.endpoint, destination },
        thread: this.#threadCapture,
        handedOver: this.#handedCaptures,
        observer: this.#observer,
      });
    } catch (error) {
      this.#source.abandon();
      throw error;
    }
    this.#shared.capture = this.#capture?.recording ?? null;
  }

  accept(): void {
    if (this.#accepts) return;
    this.#accepts = true;
    this.resumeFor(NOT_BEGUN);
    this.#observer.listening(this.endpoint);
  }

  takeCapturePath(): void {
    this.#capture?.take();
  }

  forHandover(): HandedSource {
    return this.#source.forHandover();
  }

  leave({ isGivenUp = false } = {}): Promise<void> {
    return this.#leaveSource("handed over", !isGivenUp);
  }

  giveBack(): Promise<void> {
    return this.#leaveSource("given back", this.#source.isHanded);
  }

  async #leaveSource(cause: Stop["cause"], keepsFile: boolean): Promise<void> {
    // Begin no further capture file, because from now on another process may capture into the same
    // path.
    this.#capture?.stay();
    void this.#stop(NO_LIMITS, cause, keepsFile);
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
      this.#source.stopWatching();
      // The file and the queue of a source that was handed over belong to another process.
      if (!keepsFile) await this.#source.hide();
      this.#stopListening();
      this.#closed.resolve();
      this.#observer.draining(this.connections);
      await this.#clients.headersEnded();
      await this.#drain.run();
      this.#places.connectionsEnded();
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
    if (!this.#stopping) this.#source.look();
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
    this.#places.connectionsEnded();
    this.#capture?.flush();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop({ drainTimeout: 0 });
  }

  #stopListening(): void {
    this.#places[Symbol.dispose]();
    this.#source.stop();
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
