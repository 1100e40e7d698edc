import type { SocketEndpoint } from "../address/address.ts";
import type { StopPatience } from "./stop-patience.ts";
import type { HandedSource } from "./listen/source.ts";

/** A relay that listens. */
export interface Relay extends AsyncDisposable {
  /** The source; for port 0 with the port that the system chose. */
  readonly endpoint: SocketEndpoint;
  /** The number of open connections. */
  readonly connections: number;
  /** Resolves when the relay has ended completely, for any reason. Never rejects. */
  readonly stopped: Promise<void>;
  /**
   * Stops accepting and drains the open connections. Resets the connections that do not end within
   * `drainTimeout`, or on which no byte moves for `standstillTimeout`. A second call can only shorten
   * the wait. Never rejects.
   *
   * @param options - milliseconds, Infinity for no limit. Defaults: `drainTimeout` of the relay's
   * options, `standstillTimeout` 2,000.
   */
  stop(options?: Partial<StopPatience>): Promise<void>;
  /**
   * Stops the relay if no connection is open; resolves with whether it stopped. No client is
   * accepted between the check and the stop: new clients wait in the kernel's queue. Never rejects.
   */
  stopIfIdle(): Promise<boolean>;
  /** Resolves once every relaying thread has answered; stays pending while a thread hangs. */
  responds(): Promise<void>;
}

/**
 * A relay that can hand over its source to a relay in another process. Clients notice nothing: both
 * relays have the same listening socket, and at any time one of them accepts.
 */
export interface HandoverRelay extends Relay {
  /** The last id that this relay gave to a connection; 0 if none. */
  readonly lastId: number;
  /**
   * Leaves new clients in the kernel's queue until `resume`, or until a stop that serves the queue.
   * Resolves with the number of open connections. Without FFI the relay cannot pause and accepts
   * on.
   */
  suspend(): Promise<number>;
  resume(): void;
  /** Reports now if the file of a Unix source was lost or is back; it does so periodically, too. */
  lookForFile(): void;
  /** Starts to accept. A relay that took over its source accepts nobody before this call. */
  accept(): void;
  /**
   * Returns the source for the other relay. This relay keeps the descriptors; they are valid until
   * the end of this turn of the event loop.
   */
  forHandover(): HandedSource;
  /**
   * Stops accepting, and leaves the source and its file to the relay that took it over. With
   * `isGivenUp` no relay took it over, and the file is removed. Resolves once the relay has stopped
   * accepting. The drain then has no time limit, unless `stop` sets one; it ends at `stopped`.
   * Never rejects.
   */
  leave(options?: { readonly isGivenUp?: boolean }): Promise<void>;
}

/** A relay that accepts nobody while one or more holders hold its listener. */
export interface PausableRelay extends HandoverRelay {
  /** Leaves new clients in the kernel's queue. Without FFI a limited number waits in the relay. */
  pauseFor(holder: string): void;
  resumeFor(holder: string): void;
  /** Records no packets any more: the thread that has the file of the capture has ended it. */
  endCapture(): void;
  /**
   * Ends everything synchronously, because the thread is about to end. The peers of all connections
   * see a failure. Clients in the kernel's queue stay for the next worker or process that accepts.
   */
  abandon(): void;
}
