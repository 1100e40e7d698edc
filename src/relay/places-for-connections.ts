import type { ConnectionsState } from "./connection/connection.ts";
import { readSparingly } from "./connection/read-sparingly-at-memory-limit.ts";
import { type BoundedRelay, type HeldMemory, MEMORY_HOLDER } from "./limits/held-memory-limit.ts";
import {
  SHARED_LIMIT_HOLDER,
  type SharedConnectionLimit,
} from "./limits/shared-connection-limit.ts";
import { connectionsCarried } from "./listen/descriptor-budget.ts";
import { LimitPause } from "./listen/pause-at-limits.ts";
import type { PausableListener } from "./listen/pausable-listener.ts";
import type { ReachedLimit } from "./observer.ts";

/**
 * The reasons of pauses that the relay reports to the observer, by holder. A holder is the name of
 * the part of the program that wants a pause. Pauses for other holders are not reported.
 */
const REASONS: ReadonlyMap<string, ReachedLimit> = new Map([
  [MEMORY_HOLDER, "memory"],
  [SHARED_LIMIT_HOLDER, "shared"],
]);

interface PlacesNeeds {
  /**
   * The limit of open connections that the relay shares with other relays; null if there is none.
   */
  readonly limit: SharedConnectionLimit | null;
  /** Counts the bytes that the relays of this thread hold, and knows the limit of the process. */
  readonly memory: HeldMemory;
  /**
   * Returns the number of the relay's open connections, and of the proxies that have not sent their
   * header.
   */
  readonly count: () => number;
}

/**
 * The places of one relay: each client takes one place. The source pauses while no place is free,
 * or while one of the limits that the relay shares with other relays is reached.
 */
export class Places implements BoundedRelay, Disposable {
  readonly #shared: ConnectionsState;
  readonly #limit: SharedConnectionLimit | null;
  readonly #memory: HeldMemory;
  readonly #count: () => number;
  /** Pauses and resumes the source; null until `begin`. */
  #pause: LimitPause | null = null;
  /**
   * The number of late sockets that take no place. A late socket is one that Bun is still
   * connecting although its attempt to reach the destination has ended
   * (`ConnectionsState.lateSockets`). Some late sockets need no place, because the process has
   * descriptors for more connections than the relay has places. Every other late socket takes a
   * place, so that descriptors do not run out.
   */
  #lateSocketsSpare = 0;
  #isClosed = false;

  constructor(shared: ConnectionsState, { limit, memory, count }: PlacesNeeds) {
    this.#shared = shared;
    this.#limit = limit;
    this.#memory = memory;
    this.#count = count;
  }

  /**
   * From now on, pauses `listener` while no place is free, and resumes `listener` when a place is
   * free again. `max` is the number of places of the relay.
   */
  begin(max: number, listener: Pick<PausableListener, "pause" | "resume">): void {
    this.#lateSocketsSpare = Math.max(0, connectionsCarried() - max);
    this.#pause = new LimitPause(max, listener, this.#shared.observer, this.#count);
    this.#limit?.join(this);
    this.#memory.join(this);
  }

  /** From now on, `pauseFor`, `resumeFor` and freed places change nothing: the relay stops. */
  close(): void {
    this.#isClosed = true;
  }

  [Symbol.dispose](): void {
    this.#limit?.leave(this);
    this.#pause?.[Symbol.dispose]();
  }

  /**
   * From now on, nobody tells the relay that the memory limit is reached, because it has no
   * connection any more. A stopping relay is told as long as it has connections.
   */
  connectionsEnded(): void {
    this.#memory.leave(this);
  }

  /**
   * Whether all places of the relay are taken, or the limit that several relays share is reached.
   */
  get isFull(): boolean {
    return this.#pause?.isFull === true || this.#limit?.isReached === true;
  }

  /** Counts an accepted client. The source pauses if this client took the last place. */
  take(): void {
    this.#pause?.opened(this.#taken);
    if (this.#limit?.opened(this) === true) this.#shared.observer.full(this.#limit.open, "shared");
    this.#memory.look();
  }

  /** Counts the end of a client that had taken a place. */
  leave(): void {
    this.#free();
    this.#limit?.closed();
  }

  /**
   * Frees the place of a late socket (see `#lateSocketsSpare`) if the socket took one. Called when
   * the late socket is gone.
   */
  lateSocketEnded(): void {
    this.#free();
  }

  /** Pauses the source, because a system call failed when no descriptor was free. */
  descriptorsExhausted(): void {
    this.#pause?.descriptorsExhausted();
  }

  pauseFor(holder: string): void {
    if (!this.#isClosed) this.#pause?.pauseFor(holder, REASONS.get(holder));
  }

  resumeFor(holder: string): void {
    if (!this.#isClosed) this.#pause?.resumeFor(holder);
  }

  memoryFull(): void {
    for (const connection of this.#shared.connections) readSparingly(connection);
    // A relay that stops accepts nobody anyway.
    if (!this.#isClosed) this.#shared.observer.full(this.#count(), "memory");
  }

  memoryFree(): void {
    for (const { up } of this.#shared.connections) up.memoryFree();
  }

  /**
   * The number of taken places: one for each connection and proxy that `PlacesNeeds.count` counts,
   * and one for each late socket beyond `#lateSocketsSpare`.
   */
  get #taken(): number {
    return this.#count() + Math.max(0, this.#shared.lateSockets - this.#lateSocketsSpare);
  }

  #free(): void {
    if (!this.#isClosed) this.#pause?.closed(this.#taken);
  }
}
