import type { SocketEndpoint } from "../address/address.ts";
import type { DrainLimits } from "./limits/drain-time-limits.ts";
import type { HandedSource } from "./kinds-of-source.ts";

/** A relay that listens. */
export interface Relay extends AsyncDisposable {
  /** The source, with the port that the system chose if port 0 was asked for. */
  readonly endpoint: SocketEndpoint;
  /** The number of open connections. */
  readonly connections: number;
  /** Resolves when the relay has ended completely, for any reason. Never rejects. */
  readonly stopped: Promise<void>;
  /**
   * Stops accepting and drains the open connections. Resets the connections that do not end within
   * `drainTimeout`, or on which no byte moves for `standstillTimeout`. A second call can only
   * shorten the wait. Never rejects.
   *
   * @param options - milliseconds, Infinity for no limit. Defaults: `drainTimeout` of the relay's
   * options, `standstillTimeout` 2,000.
   */
  stop(options?: Partial<DrainLimits>): Promise<void>;
  /**
   * Stops the relay if no connection is open. Resolves with true if the relay stopped, otherwise
   * with false. Between the check and the beginning of the stop no client is accepted: new clients
   * wait in the kernel's queue. Never rejects.
   */
  stopIfIdle(): Promise<boolean>;
  /**
   * Resolves when each thread that does the relay's work has proved that it is not blocked. Stays
   * pending while one of these threads is blocked.
   */
  responds(): Promise<void>;
}

/**
 * A relay that can hand over its source to a relay in another process. Clients notice nothing,
 * because both relays have the same listening socket and at any time one of the two relays accepts.
 */
export interface HandoverRelay extends Relay {
  /**
   * The id of this relay's latest connection. Before the first connection: the highest id that the
   * relay which handed over the source may give to a connection, or 0 if the source was not handed
   * over.
   */
  readonly lastId: number;
  /** Identifies the file that this relay captures into; null if it writes no file now. */
  readonly captureFile: string | null;
  /**
   * Leaves new clients in the kernel's queue until `resume` is called or the relay stops. Resolves
   * with the number of open connections. Without FFI the relay cannot leave clients in the queue:
   * it accepts a limited number of clients, lets them wait, and refuses further clients.
   */
  suspend(): Promise<number>;
  resume(): void;
  /**
   * Checks at once whether the source's file or network namespace was lost or is back, and reports
   * a change. The relay makes the same check periodically.
   */
  lookForFile(): void;
  /**
   * Starts to accept. In the new process of a handover a relay accepts nobody before this call
   * (`Succession.awaitsAccept`); in every other process this call does nothing.
   */
  accept(): void;
  /**
   * Makes the relay's capture file. Called in the new process of a handover when the handover is
   * complete. Before this call, the recorded packets wait in memory, so a handover that fails
   * leaves the old process's capture file as it was. Does nothing if no handover began this
   * process.
   */
  takeCapturePath(): void;
  /**
   * Returns the source for the relay that takes over. The descriptors still belong to this relay
   * and are valid until the end of this turn of the event loop.
   */
  forHandover(): HandedSource;
  /**
   * Stops accepting. The source stays open in the relay that took the source over, and the source's
   * file stays in its place. `isGivenUp` means that no relay took the source over; in this case the
   * file is removed. Resolves once the relay has stopped accepting. After that, the drain of the
   * open connections has no time limit, unless `stop` sets one; `stopped` resolves at the end of
   * the drain. Never rejects.
   */
  leave(options?: { readonly isGivenUp?: boolean }): Promise<void>;
  /**
   * Like `leave`, but called in the new process of a handover that was not completed. A source that
   * was handed over, and its file, stay with the process that handed the source over. The file of a
   * source that this process bound is removed.
   */
  giveBack(): Promise<void>;
}

/**
 * A relay that several parts of the program (holders) can pause: the relay accepts nobody while at
 * least one holder has called `pauseFor` and has not yet called `resumeFor`.
 */
export interface PausableRelay extends HandoverRelay {
  /**
   * Leaves new clients in the kernel's queue until `resumeFor` is called with the same `holder`.
   * The holder is the name of the part of the program that wants the pause. Without FFI the relay
   * cannot leave clients in the queue: it accepts a limited number of clients, lets them wait, and
   * refuses further clients.
   */
  pauseFor(holder: string): void;
  resumeFor(holder: string): void;
  /**
   * Stops recording packets, because the thread that writes the capture file has ended the capture.
   */
  endCapture(): void;
  /**
   * Ends everything synchronously, because the thread is about to end. The peers of all connections
   * see a failure. Clients in the kernel's queue stay there for the next worker or process that
   * accepts.
   */
  abandon(): void;
}
