import type { SocketEndpoint } from "../address/address.ts";
import type { Libc } from "../os/libc.ts";
import { OwnClientCounts } from "../relay/admission/client-counts.ts";
import { ClientAdmission } from "../relay/admission/admit-or-refuse-client.ts";
import { NO_LIMITS, type DrainLimits } from "../relay/limits/drain-time-limits.ts";
import { connectionsAllowed } from "../relay/listen/descriptor-budget.ts";
import { combineObservers, eventsHeard } from "../relay/combine-observers.ts";
import { endpointOf } from "../relay/listen/inherited-socket.ts";
import { captureWarning, openCaptureFile } from "../relay/capture/capture-of-one-thread.ts";
import type { CaptureFile } from "../relay/capture/capture-file.ts";
import type { HandedCaptures } from "../relay/capture/open-and-lock-capture-file.ts";
import type { HandedSource } from "../relay/kinds-of-source.ts";
import { checkDestinationNetwork } from "../relay/check-network-namespaces.ts";
import type { Observer, Stop } from "../relay/observer.ts";
import { DEFAULTS, type RelayOptions } from "../relay/options.ts";
import type { HandoverRelay } from "../relay/relay-interface.ts";
import type { RelayStart, Succession } from "../relay/relay-context.ts";
import { SharedClientCounts } from "./shared-client-counts.ts";
import { SharedCounters } from "./shared-counters.ts";
import type { Start, WorkerOptions } from "./worker-messages.ts";
import { evenPart } from "./divide-limit.ts";
import { HangingWorkers } from "./kill-hanging-workers.ts";
import { onceAMinute } from "./repeated-warnings.ts";
import { WorkerShare, type WorkerShareOwner } from "./relay-part-in-worker.ts";
import { PausesOfThreads } from "./pauses-of-threads.ts";
import type { WorkerPool } from "./worker-pool.ts";
import type { WorkerSlot } from "./worker-slot.ts";
import { SharedSource } from "./shared-source.ts";

/**
 * Starts a relay whose connections the workers of a pool carry. Each worker has a share of the
 * relay: it accepts and carries a part of the relay's connections. This thread carries no
 * connection: it binds and keeps the source, and reports all connections to the observer.
 *
 * @throws {RelayError} if listening on the source fails or a worker cannot start.
 */
export async function startPooledRelay(
  system: Libc,
  options: RelayOptions,
  pool: WorkerPool,
  start: RelayStart = {},
): Promise<HandoverRelay> {
  // Make a `ClientAdmission` only to check the options: its constructor throws if access rules do
  // not fit the source, and this must happen before the source is bound.
  new ClientAdmission(options, endpointOf(options.source), new OwnClientCounts());
  const { destination, destinationNetns } = options;
  checkDestinationNetwork(destination, destinationNetns, (message) =>
    options.observer?.warning?.(message),
  );
  const notice = (message: string) => options.observer?.notice?.(message);
  const source = await SharedSource.bind(system, options, { notice, placed: start.placed });
  const relay = new PooledRelay(source, options, pool, start);
  await relay.start();
  return relay;
}

class PooledRelay implements HandoverRelay, WorkerShareOwner {
  readonly observer: Observer;
  readonly #source: SharedSource;
  readonly #options: WorkerOptions;
  readonly #drainLimits: DrainLimits;
  readonly #connectionsMax: number;
  readonly #counts: SharedCounters;
  /**
   * The memory of `SharedClientCounts`; null if no option limits the connections of each client.
   */
  readonly #clientCounts: SharedArrayBuffer | null;
  readonly #pool: WorkerPool;
  readonly #relay: number;
  readonly #shares: readonly WorkerShare[];
  /** The relay's capture file; null before the start, and null if the relay captures nothing. */
  #captureFile: CaptureFile | null = null;
  /** The capture files of the predecessor; null if this process took over from no predecessor. */
  readonly #handedCaptures: HandedCaptures | null;
  /** Resolves as soon as no worker accepts clients any more and the source is closed. */
  readonly #closed = Promise.withResolvers<void>();
  readonly #stopped = Promise.withResolvers<void>();
  readonly #hanging = new HangingWorkers(() => {
    for (const share of this.#shares) share.terminate();
  });
  /**
   * Whether the workers may accept clients. With `awaitsAccept`, false until `accept` is called.
   */
  #accepts: boolean;
  readonly #pauses: PausesOfThreads;
  #stopping = false;

  constructor(
    source: SharedSource,
    options: RelayOptions,
    pool: WorkerPool,
    { awaitsAccept = false, lastId = 0, captures }: Succession,
  ) {
    this.#handedCaptures = captures ?? null;
    const { source: _, observer, mode, owner, group, directoryMode, ...rest } = options;
    this.observer = onceAMinute(combineObservers(observer === undefined ? [] : [observer]));
    this.#source = source;
    this.#accepts = !awaitsAccept;
    this.#options = { ...rest, backlog: source.backlog };
    const { drainTimeout = DEFAULTS.drainTimeout } = options;
    this.#drainLimits = { drainTimeout, standstillTimeout: DEFAULTS.standstillTimeout };
    this.#connectionsMax = connectionsAllowed(
      options.connectionsMax,
      (message) => this.observer.warning(message),
      pool.workers,
    );
    // Use at most `connectionsMax` workers, because a share with a limit of 0 connections could
    // never accept a client.
    const { relay, slots } = pool.place(this.#connectionsMax, () => this.connections);
    this.#pool = pool;
    this.#relay = relay;
    this.#counts = SharedCounters.forWorkers(slots.length, lastId);
    this.#clientCounts =
      options.connectionsMaxPerClient === undefined
        ? null
        : SharedClientCounts.bufferFor(
            slots.length,
            Math.ceil(this.#connectionsMax / slots.length),
          );
    this.#pauses = new PausesOfThreads(slots.length, (reason, change) =>
      this.observer.acceptingPaused(reason, change),
    );
    this.#shares = slots.map((slot, index) => new WorkerShare(relay, index, slot, this));
  }

  get endpoint(): SocketEndpoint {
    return this.#source.endpoint;
  }

  get stopped(): Promise<void> {
    return this.#stopped.promise;
  }

  get lastId(): number {
    return this.#counts.lastId;
  }

  get captureFile(): string | null {
    return this.#captureFile?.identity ?? null;
  }

  get connections(): number {
    return this.#counts.total();
  }

  async start(): Promise<void> {
    try {
      await Promise.all(this.#shares.map((share) => share.start()));
      this.#openCapture();
    } catch (error) {
      // Stop only the shares of this relay, and not the workers: they also carry other relays.
      this.#hurry({ drainTimeout: 0, standstillTimeout: 0 }, { servesQueue: false });
      if (!this.#source.isHanded) this.#source.removeFile(this.observer);
      await Promise.all(this.#shares.map((share) => share.ended()));
      this.#hanging[Symbol.dispose]();
      await this.#source.close(this.observer);
      throw error;
    }
    this.#source.watch(this.observer);
    if (this.#accepts) this.#begin();
  }

  captured(blocks: Uint8Array): void {
    this.#captureFile?.add(blocks);
  }

  #openCapture(): void {
    const { capture, destination } = this.#options;
    if (capture === undefined) return;
    const ends = { source: this.endpoint, destination };
    this.#captureFile = openCaptureFile(this.#options, ends, this.#handedCaptures, (reason) => {
      for (const share of this.#shares) share.endCapture();
      this.observer.captureEnded(capture, reason);
    });
    this.observer.warning(captureWarning(capture));
  }

  accept(): void {
    if (this.#accepts) return;
    this.#accepts = true;
    this.#begin();
  }

  #begin(): void {
    this.observer.listening(this.endpoint);
    for (const share of this.#shares) share.release();
  }

  takeCapturePath(): void {
    this.#captureFile?.take();
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
    this.#captureFile?.stay();
    void this.#stop(NO_LIMITS, cause, keepsFile);
    await this.#closed.promise;
  }

  async stop(limits: Partial<DrainLimits> = {}): Promise<void> {
    await this.#stop({ ...this.#drainLimits, ...limits }, "asked");
  }

  async #stop(limits: DrainLimits, cause: Stop["cause"], keepsFile = false): Promise<void> {
    const first = !this.#stopping;
    this.#stopping = true;
    if (first) {
      this.#source.stopWatching();
      if (!keepsFile) this.#source.removeFile(this.observer);
    }
    // Before `accept` the workers serve nobody, also not at the stop.
    const servesQueue = this.#accepts && !keepsFile && !this.#source.inherited;
    this.#hurry(limits, { servesQueue });
    if (first) await this.#drain(cause);
    await this.#stopped.promise;
  }

  async stopIfIdle(): Promise<boolean> {
    if ((await this.suspend()) === 0) {
      await this.#stop(this.#drainLimits, "idle");
      return true;
    }
    this.resume();
    return false;
  }

  async suspend(): Promise<number> {
    const open = await Promise.all(this.#shares.map((share) => share.hold()));
    return open.reduce((sum, connections) => sum + connections, 0);
  }

  resume(): void {
    for (const share of this.#shares) share.release();
  }

  lookForFile(): void {
    if (!this.#stopping) this.#source.look();
  }

  async responds(): Promise<void> {
    await Promise.all(this.#shares.map((share) => share.responds()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop({ drainTimeout: 0 });
  }

  startOrder(index: number, slot: WorkerSlot, held: boolean): Start {
    return {
      kind: "start",
      relay: this.#relay,
      index,
      listeners: this.#source.fds,
      endpoint: this.endpoint,
      options: { ...this.#options, connectionsMax: this.#quota(index) },
      connectionsMax: this.#connectionsMax,
      counts: this.#counts.buffer,
      sharedMax: this.#pool.partOf(slot),
      memory: this.#pool.memory,
      thread: slot.number - 1,
      threads: this.#pool.workers,
      workers: this.#shares.length,
      clientCounts: this.#clientCounts,
      wanted: eventsHeard(this.observer),
      held,
    };
  }

  get reachedTogether(): number | null {
    return this.#pool.reachedTogether;
  }

  observerOf(index: number): Observer {
    return {
      ...this.observer,
      acceptingPaused: (reason, change) => this.#pauses.changed(index, reason, change),
    };
  }

  joined(index: number): void {
    this.#counts.join(index, this.#quota(index));
  }

  left(index: number): number {
    const open = this.#counts.open(index);
    this.#counts.leave(index);
    if (this.#clientCounts !== null)
      new SharedClientCounts(this.#clientCounts, this.#shares.length, index).clear();
    return open;
  }

  /**
   * Returns the maximum number of open connections of one share. The sum over all shares is exactly
   * `connectionsMax`.
   */
  #quota(index: number): number {
    return evenPart(this.#connectionsMax, this.#shares.length, index);
  }

  /**
   * Tells the workers to stop, and sends them the limits of their drain. If `servesQueue` is true,
   * the workers first accept the clients that are in the kernel's queue. Workers that hang are
   * killed after the end of the drain timeout.
   */
  #hurry(limits: DrainLimits, { servesQueue }: { readonly servesQueue: boolean }): void {
    for (const share of this.#shares) share.stop(limits, servesQueue);
    this.#hanging.killAfter(limits.drainTimeout);
  }

  async #drain(cause: Stop["cause"]): Promise<void> {
    const ended = Promise.all(this.#shares.map((share) => share.ended()));
    await Promise.all(this.#shares.map((share) => share.drains()));
    await this.#source.close(this.observer);
    this.#closed.resolve();
    this.observer.draining(this.connections);
    await ended;
    await this.#captureFile?.close();
    this.#hanging[Symbol.dispose]();
    const cut = this.#shares.reduce((sum, share) => sum + share.cut, 0);
    this.observer.stopped({ cause, cut });
    this.#stopped.resolve();
  }
}
