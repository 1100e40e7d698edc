import type { SocketEndpoint } from "../address/address.ts";
import type { Peer } from "../os/peer-credentials.ts";
import type { Event } from "../relay/combine-observers.ts";
import type { Ending, Failure } from "../relay/observer.ts";
import type { StopPatience } from "../relay/stop-patience.ts";
import type { RelayOptions } from "../relay/options.ts";

// What the pooled relays and their workers say to each other. All of it can be cloned (structured clone).

/** What a worker is told: what concerns one relay by its number in the pool, and its end. */
export type Order = RelayOrder | { readonly kind: "end" };

export type RelayOrder =
  | Start
  /** Answered by `here`: the thread turns. */
  | { readonly kind: "ping"; readonly relay: number }
  /** Accept nobody until released; answered by `held`. */
  | { readonly kind: "hold"; readonly relay: number }
  | { readonly kind: "release"; readonly relay: number }
  /** Answered by `draining` and `stopped`; a second one can only shorten the wait. */
  | {
      readonly kind: "stop";
      readonly relay: number;
      readonly patience: StopPatience;
      /** Whether who waits in the kernel's queue is to be served first. */
      readonly serveQueue: boolean;
    };

/** The first order about a relay, answered by `ready` or `failed`. */
export interface Start {
  readonly kind: "start";
  readonly relay: number;
  /** The number of the relay's share, from 0. */
  readonly index: number;
  /** The pool's own listening descriptors, of which the worker makes its own. */
  readonly listeners: readonly number[];
  readonly endpoint: SocketEndpoint;
  readonly options: WorkerOptions;
  /** Of all shares of the relay. */
  readonly connectionsMax: number;
  readonly counts: SharedArrayBuffer;
  /** How many workers the pool has. */
  readonly workers: number;
  /** What `SharedClientCounts` reads and writes; null if nobody counts by client. */
  readonly clientCounts: SharedArrayBuffer | null;
  /** The events that somebody listens to. */
  readonly wanted: readonly Event[];
  /** Whether nobody is accepted before the first `release`. */
  readonly held: boolean;
}

/** A relay's options, without those that are the pool's own business. */
export type WorkerOptions = Omit<
  RelayOptions,
  "source" | "observer" | "mode" | "owner" | "group" | "directoryMode"
>;

/** What a worker had to say of one relay in one turn of its event loop. */
export interface Batch {
  readonly relay: number;
  /** When it was posted, by the worker's `performance.now()`. */
  readonly at: number;
  readonly reports: readonly Report[];
}

export type Report = PoolReport | EventReport;

/** What the pool itself wants to know. */
export type PoolReport =
  | { readonly kind: "ready" | "here" | "draining" }
  | {
      readonly kind: "failed";
      readonly code: string;
      readonly address: string;
      readonly message: string;
    }
  | { readonly kind: "held"; readonly open: number }
  /** The last: the worker's share of the relay has stopped, and has cut so many connections. */
  | { readonly kind: "stopped"; readonly cut: number }
  /** The worker ends, and so many connections with it. */
  | { readonly kind: "lost"; readonly open: number };

/** What the pool passes on to its observer, and what it must know of a connection to do so. */
export type EventReport =
  | { readonly kind: "fault"; readonly error: PlainError }
  | { readonly kind: "warning" | "notice"; readonly message: string }
  | { readonly kind: "refused"; readonly client: string; readonly reason: string }
  | { readonly kind: "full"; readonly open: number }
  | { readonly kind: "reachedAgain" }
  | ConnectionReport
  /** `FIGURES` numbers for each connection that changed. */
  | { readonly kind: "figures"; readonly figures: Float64Array };

export type ConnectionReport =
  /** Comes before the first other report about a connection. */
  | Introduction
  | { readonly kind: "opened"; readonly id: number }
  | { readonly kind: "connected"; readonly id: number; readonly reached: Reached | null }
  | { readonly kind: "unreachable"; readonly id: number; readonly failure: Failure }
  | { readonly kind: "halfClosed"; readonly id: number; readonly from: "client" | "destination" }
  /** The last about a connection that was introduced. */
  | {
      readonly kind: "closed";
      readonly id: number;
      readonly ending: Ending;
      readonly reached: Reached | null;
      readonly figures: Float64Array;
    };

/** That the destination was reached. */
export interface Reached {
  /** By the worker's `performance.now()`. */
  readonly at: number;
  readonly address: string;
}

/** What of a connection never changes. */
export interface Introduction {
  readonly kind: "introduction";
  readonly id: number;
  /** By the worker's `performance.now()`. */
  readonly openedAt: number;
  readonly clientAddress: string;
  readonly clientPeer: Peer | null;
}

/** An error as both threads can read it. */
export interface PlainError {
  readonly message: string;
  readonly stack: string | undefined;
}
