import type { SocketEndpoint } from "../address/address.ts";
import type { Peer } from "../os/peer-credentials.ts";

/** An observer's view of a connection. It is live: its figures change until `closed`. */
export interface ConnectionView {
  /**
   * Counts up within one relay, from 1. After a handover it goes on above all ids that the relay
   * before it may give, so that no two open connections of a relay have the same id.
   */
  readonly id: number;
  /**
   * The client's address, such as `127.0.0.1:5678`. `""` for a Unix client, which has no address,
   * and for a TCP client that reset before the accept. The first read of this property asks the
   * socket, so read it before `closed`.
   */
  readonly clientAddress: string;
  /**
   * The process, user and group of a Unix client; null for a TCP client, and if the kernel does not
   * give them. The first read asks the socket, so read it before `closed`.
   */
  readonly clientPeer: Peer | null;
  /** When the client was accepted, in milliseconds of `performance.now()`. */
  readonly openedAt: number;
  /** When the destination was reached, by the same clock; null before that. */
  readonly connectedAt: number | null;
  /** Which of the destination's addresses was reached; `""` before that. */
  readonly destinationAddress: string;
  /** Bytes read from the client. */
  readonly bytesUp: number;
  /** Bytes read from the destination. */
  readonly bytesDown: number;
  /** Bytes read from the client but not yet accepted by the destination. */
  readonly heldUp: number;
  /** Bytes read from the destination but not yet accepted by the client. */
  readonly heldDown: number;
  /** How often reading from the client paused because the destination was full (backpressure). */
  readonly pausesUp: number;
  /** How often reading from the destination paused because the client was full (backpressure). */
  readonly pausesDown: number;
  readonly state: ConnectionState;
}

/** The states of a connection. */
export const CONNECTION_STATES = [
  /** The destination has not answered yet. */
  "connecting",
  /** Both directions are open. */
  "open",
  /** The client has sent its end of stream; the destination still sends. */
  "client ended",
  /** The destination has sent its end of stream; the client still sends. */
  "destination ended",
  /** The relay reads no new bytes; the last bytes are still being delivered. */
  "closing",
] as const;
export type ConnectionState = (typeof CONNECTION_STATES)[number];

/** A system failure: its code, such as `ECONNREFUSED`, and what failed with which address. */
export interface Failure {
  readonly code: string;
  readonly message: string;
}

/** How a connection ended. */
export const ENDINGS = [
  /** All bytes that both sides sent were delivered. */
  "finished",
  /** One side closed while the other still sent: nobody was left to read these bytes. */
  "abandoned",
  "client reset",
  "destination reset",
  /** The destination could not be reached. */
  "unreachable",
  /** The client left before the destination answered. */
  "client left",
  /** No byte moved in either direction for the idle timeout. */
  "idle",
  /** The connection was half-closed, and no byte moved for the half-close timeout. */
  "half-closed",
  /** The relay was stopped, and the drain timeout ended. */
  "stopped",
  /** An unexpected error, reported through `fault`. */
  "fault",
] as const;
export type Ending = (typeof ENDINGS)[number];

/**
 * A limit that was reached: of the relay's own open connections, of those of several relays that share
 * one, or of the bytes that all connections of the process hold.
 */
export type ReachedLimit = "own" | "shared" | "memory";

/** What leads clients to a source, and can get lost. */
export type SourceLoss = "file" | "network namespace";

/** How a relay stopped. */
export interface Stop {
  /**
   * `asked`: by `stop()`. `idle`: by `stopIfIdle()`, when no connection was open. `handed over`: by
   * `leave()`; another process now accepts the clients.
   */
  readonly cause: "asked" | "idle" | "handed over";
  /** How many connections the stop reset instead of waiting for their end. */
  readonly cut: number;
}

/**
 * The relay reports everything through its observer, and only there. An observer that throws has a
 * bug: its error is passed to `fault`, like any other unexpected error, and the relay continues.
 */
export interface Observer {
  /** The source is bound and accepts; for port 0, `endpoint` has the port that the system chose. */
  listening(endpoint: SocketEndpoint): void;
  /** A client was accepted. */
  opened(connection: ConnectionView): void;
  /**
   * The access rules or limits refused a client, before anything else happened for it. `client` is
   * its address, or a Unix client's user, group and process; `""` if unknown. `opened` and `closed`
   * are not called.
   */
  refused(client: string, reason: string): void;
  /** The destination was reached. */
  connected(connection: ConnectionView): void;
  /** The destination could not be reached. `closed` follows. */
  unreachable(connection: ConnectionView, failure: Failure): void;
  /**
   * The destination was reached for the first time after one or more connections were
   * `unreachable`. Each worker reports this for its own connections.
   */
  reachedAgain(): void;
  /** One direction reached its end of stream; the other direction continues. */
  halfClosed(connection: ConnectionView, from: "client" | "destination"): void;
  /** The connection is over and holds no descriptor any more. */
  closed(connection: ConnectionView, ending: Ending): void;
  /**
   * A limit is reached: clients wait in the kernel's queue. Of a limit of connections that several relays
   * share, only the relay that took the last place reports this.
   */
  full(open: number, limit: ReachedLimit): void;
  /**
   * Clients cannot find the source: somebody removed or replaced the file of a Unix source, or
   * deleted the network namespace of another one.
   */
  sourceLost(what: SourceLoss): void;
  /** What was lost is back in its place. */
  sourceBack(what: SourceLoss): void;
  /** The relay has stopped accepting and waits for `open` connections to end. */
  draining(open: number): void;
  /** The relay has ended, with all its connections and sockets. */
  stopped(stop: Stop): void;
  /** An unexpected error, such as a bug in an observer or the death of a worker. */
  fault(error: unknown): void;
  /** A problem that the operator should know; the relay continues. */
  warning(message: string): void;
  /** A detail for debugging. */
  notice(message: string): void;
}
