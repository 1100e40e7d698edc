import type { SocketEndpoint } from "../address/address.ts";
import type { Peer } from "../os/peer-credentials.ts";
import type { MemoryBound } from "../relay/held-memory.ts";
import type { Event } from "../relay/combine-observers.ts";
import type { Ending, Failure, ReachedLimit } from "../relay/observer.ts";
import type { StopPatience } from "../relay/stop-patience.ts";
import type { RelayOptions } from "../relay/options.ts";

// The messages between the pooled relays and their workers. All of them allow structured clone.

/** A message to a worker: an order about one relay, by its number in the pool, or its own end. */
export type Order = RelayOrder | { readonly kind: "end" };

export type RelayOrder =
  | Start
  /** Answered by `here`, which proves that the thread's event loop runs. */
  | { readonly kind: "ping"; readonly relay: number }
  /** Accept nobody until `release`; answered by `held`. */
  | { readonly kind: "hold"; readonly relay: number }
  | { readonly kind: "release"; readonly relay: number }
  /** Record no packets any more. */
  | { readonly kind: "endCapture"; readonly relay: number }
  /** Answered by `draining` and `stopped`; a second `stop` can only shorten the wait. */
  | {
      readonly kind: "stop";
      readonly relay: number;
      readonly patience: StopPatience;
      /** Whether to accept the clients in the kernel's queue first. */
      readonly serveQueue: boolean;
    };

/** The first order about a relay, answered by `ready` or `failed`. */
export interface Start {
  readonly kind: "start";
  readonly relay: number;
  /** The number of the relay's share, from 0. */
  readonly index: number;
  /** The pool's listening descriptors; the worker duplicates them. */
  readonly listeners: readonly number[];
  readonly endpoint: SocketEndpoint;
  readonly options: WorkerOptions;
  /** The limit of all shares of the relay together. */
  readonly connectionsMax: number;
  readonly counts: SharedArrayBuffer;
  /** This worker's part of the limit that all relays of the pool share; null if there is none. */
  readonly sharedMax: number | null;
  /** What the connections of all threads hold. */
  readonly memory: MemoryBound;
  /** The number of the worker's thread in the pool, from 0. */
  readonly thread: number;
  /** How many workers the pool has. */
  readonly workers: number;
  /** The memory of `SharedClientCounts`; null if there is no limit per client. */
  readonly clientCounts: SharedArrayBuffer | null;
  /** The events that the observer handles. */
  readonly wanted: readonly Event[];
  /** Whether the share accepts nobody before the first `release`. */
  readonly held: boolean;
}

/** A relay's options, without the ones that only the pool uses. */
export type WorkerOptions = Omit<
  RelayOptions,
  "source" | "observer" | "mode" | "owner" | "group" | "directoryMode"
>;

/** A worker's reports about one relay from one turn of its event loop. */
export interface Batch {
  readonly relay: number;
  /** When the batch was posted, by the worker's `performance.now()`. */
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
  /** Blocks for the relay's capture. */
  | { readonly kind: "captured"; readonly blocks: Uint8Array }
  /** The last report of a share: it has stopped, and the stop reset this many connections. */
  | { readonly kind: "stopped"; readonly cut: number }
  /** The worker dies, and loses this many connections. */
  | { readonly kind: "lost"; readonly open: number };

/** A report that the pool passes to its observer, or the data that it needs to do so. */
export type EventReport =
  | { readonly kind: "fault"; readonly error: PlainError }
  | { readonly kind: "warning" | "notice"; readonly message: string }
  | { readonly kind: "refused"; readonly client: string; readonly reason: string }
  | { readonly kind: "full"; readonly open: number; readonly limit: ReachedLimit }
  | { readonly kind: "reachedAgain" }
  | ConnectionReport
  /** `FIGURES` numbers for each connection that changed. */
  | { readonly kind: "figures"; readonly figures: Float64Array };

export type ConnectionReport =
  /** The first report about a connection. */
  | Introduction
  | { readonly kind: "opened"; readonly id: number }
  | { readonly kind: "connected"; readonly id: number; readonly reached: Reached | null }
  | { readonly kind: "unreachable"; readonly id: number; readonly failure: Failure }
  | { readonly kind: "halfClosed"; readonly id: number; readonly from: "client" | "destination" }
  /** The last report about an introduced connection. */
  | {
      readonly kind: "closed";
      readonly id: number;
      readonly ending: Ending;
      readonly reached: Reached | null;
      readonly figures: Float64Array;
    };

/** The destination was reached: when, and at which address. */
export interface Reached {
  /** When, by the worker's `performance.now()`. */
  readonly at: number;
  readonly address: string;
}

/** The data of a connection that never change. */
export interface Introduction {
  readonly kind: "introduction";
  readonly id: number;
  /** When, by the worker's `performance.now()`. */
  readonly openedAt: number;
  readonly clientAddress: string;
  readonly clientPeer: Peer | null;
}

/** An error in a form that can be cloned between threads. */
export interface PlainError {
  readonly message: string;
  readonly stack: string | undefined;
}
