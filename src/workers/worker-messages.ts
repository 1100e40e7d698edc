import type { SocketEndpoint } from "../address/address.ts";
import type { Peer } from "../os/peer-credentials.ts";
import type { MemoryBound } from "../relay/limits/held-memory-limit.ts";
import type { Event } from "../relay/combine-observers.ts";
import type { Ending, Failure, ReachedLimit } from "../relay/observer.ts";
import type { DrainLimits } from "../relay/limits/drain-time-limits.ts";
import type { RelayOptions } from "../relay/options.ts";

// The messages between the pooled relays and their workers. Every message can be copied by
// structured clone.

/**
 * A message to a worker. A message either concerns one relay, whose number in the pool is in the
 * field `relay`, or ends the worker's thread.
 */
export type Order = RelayOrder | { readonly kind: "end" };

export type RelayOrder =
  | Start
  /** Answer with `here`, which proves that the thread's event loop runs. */
  | { readonly kind: "ping"; readonly relay: number }
  /** Accept nobody until the message `release`; answered by `held`. */
  | { readonly kind: "hold"; readonly relay: number }
  | { readonly kind: "release"; readonly relay: number }
  /** Stop recording packets for the relay's capture. */
  | { readonly kind: "endCapture"; readonly relay: number }
  /**
   * Stop accepting clients, and drain: let the open connections end. Answered by `draining` when
   * the share accepts nobody any more, and by `stopped` when the share's last connection has ended.
   * A second `stop` can only shorten the drain.
   */
  | {
      readonly kind: "stop";
      readonly relay: number;
      readonly limits: DrainLimits;
      /** Whether the worker accepts the clients in the kernel's queue before it stops. */
      readonly serveQueue: boolean;
    };

/**
 * The message that starts a share of a relay, answered by `ready` or `failed`. A share is the part
 * of a relay's connections that one worker accepts and carries.
 */
export interface Start {
  readonly kind: "start";
  readonly relay: number;
  /** The index of this share among the relay's shares, from 0. */
  readonly index: number;
  /**
   * The descriptors of the relay's listening sockets. The main thread owns them; the worker
   * duplicates them.
   */
  readonly listeners: readonly number[];
  readonly endpoint: SocketEndpoint;
  readonly options: WorkerOptions;
  /** The maximum number of open connections of all shares of the relay together. */
  readonly connectionsMax: number;
  readonly counts: SharedArrayBuffer;
  /**
   * This worker's part of the limit of open connections that all relays of the pool share; null if
   * there is no such limit.
   */
  readonly sharedMax: number | null;
  /**
   * The number of bytes that the connections of all threads hold in memory, and the maximum of this
   * number.
   */
  readonly memory: MemoryBound;
  /** The number of the worker's thread in the pool, from 0. */
  readonly thread: number;
  /** The number of workers of the pool. */
  readonly threads: number;
  /** The number of workers that have a share of the relay. */
  readonly workers: number;
  /** The memory of `SharedClientCounts`; null if there is no limit per client. */
  readonly clientCounts: SharedArrayBuffer | null;
  /** The events that the main thread's observer handles. */
  readonly wanted: readonly Event[];
  /** Whether the share accepts nobody before the first `release`. */
  readonly held: boolean;
}

/** A relay's options, without the options that only the pool uses. */
export type WorkerOptions = Omit<
  RelayOptions,
  "source" | "observer" | "mode" | "owner" | "group" | "directoryMode"
>;

/** A worker's reports about one relay from one turn of its event loop. */
export interface Batch {
  readonly relay: number;
  /** The time at which the worker posted the batch, by the worker's `performance.now()`. */
  readonly at: number;
  readonly reports: readonly Report[];
}

export type Report = PoolReport | EventReport;

/** A report for the pool itself. */
export type PoolReport =
  | { readonly kind: "ready" | "here" | "draining" }
  | {
      readonly kind: "failed";
      readonly code: string;
      readonly address: string;
      readonly message: string;
    }
  | { readonly kind: "held"; readonly open: number }
  /** Whole pcapng blocks for the relay's capture file. */
  | { readonly kind: "captured"; readonly blocks: Uint8Array }
  /**
   * The worker's share of the relay has stopped. This is the last report of the share. `cut` is the
   * number of connections that the worker has reset to end the drain.
   */
  | { readonly kind: "stopped"; readonly cut: number }
  /** The worker is about to die. `open` is the number of connections that end with the worker. */
  | { readonly kind: "lost"; readonly open: number };

/**
 * A report that the main thread passes to the relay's observer as an event. The reports
 * `introduction` and `figures` are no events: they only update the main thread's data about the
 * connections, which the observer can read at later events.
 */
export type EventReport =
  | { readonly kind: "fault"; readonly error: PlainError }
  | { readonly kind: "warning" | "notice"; readonly message: string }
  | { readonly kind: "refused"; readonly client: string; readonly reason: string }
  | { readonly kind: "full"; readonly open: number; readonly limit: ReachedLimit }
  | { readonly kind: "reachedAgain" }
  | { readonly kind: "waitingForHeader"; readonly change: number }
  | { readonly kind: "acceptingPaused"; readonly reason: ReachedLimit; readonly change: number }
  | ConnectionReport
  /**
   * The encoded figures of all connections whose figures have changed: `FIGURES` numbers for each
   * connection, one connection after the other.
   */
  | { readonly kind: "figures"; readonly figures: Float64Array };

export type ConnectionReport =
  /** The first report about a connection. */
  | Introduction
  | { readonly kind: "opened"; readonly id: number }
  | { readonly kind: "connected"; readonly id: number; readonly reached: Reached | null }
  | { readonly kind: "unreachable"; readonly id: number; readonly failure: Failure }
  | { readonly kind: "halfClosed"; readonly id: number; readonly from: "client" | "destination" }
  /** The last report about a connection. */
  | {
      readonly kind: "closed";
      readonly id: number;
      readonly ending: Ending;
      readonly reached: Reached | null;
      readonly figures: Float64Array;
    };

/** The time at which a connection reached its destination, and the address that was reached. */
export interface Reached {
  /** The time of the connect, by the worker's `performance.now()`. */
  readonly at: number;
  readonly address: string;
}

/** The part of a connection's data that never changes. */
export interface Introduction {
  readonly kind: "introduction";
  readonly id: number;
  /** The time at which the client was accepted, by the worker's `performance.now()`. */
  readonly openedAt: number;
  readonly clientAddress: string;
  readonly clientPeer: Peer | null;
}

/** An error in a form that can be cloned between threads. */
export interface PlainError {
  readonly message: string;
  readonly stack: string | undefined;
}
