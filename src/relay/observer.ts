import type { SocketEndpoint } from "../address/address.ts";
import type { Peer } from "../os/peer-credentials.ts";

/**
 * An observer's view of a connection. The view is live: its figures change until the `closed`
 * event.
 */
export interface ConnectionView {
  /**
   * The number of the connection. The numbers of one relay count up from 1. After a handover the
   * new relay continues above all ids that the old relay may still give, so that no two open
   * connections of the two relays have the same id.
   */
  readonly id: number;
  /**
   * The client's address, such as `127.0.0.1:5678`. `""` for a Unix client, which has no address,
   * and for a TCP client that reset the connection before the relay accepted it. The first read of
   * this property asks the socket, so read the property before the `closed` event.
   */
  readonly clientAddress: string;
  /**
   * The process, user and group of a Unix client; null for a TCP client, and if the kernel does not
   * give these ids. The first read of this property asks the socket, so read the property before
   * the `closed` event.
   */
  readonly clientPeer: Peer | null;
  /** The time at which the client was accepted, in milliseconds of `performance.now()`. */
  readonly openedAt: number;
  /**
   * The time at which the destination was reached, in milliseconds of `performance.now()`; null
   * before that time.
   */
  readonly connectedAt: number | null;
  /**
   * The address of the destination that the relay reached; `""` before the destination is reached.
   */
  readonly destinationAddress: string;
  /** Bytes read from the client. */
  readonly bytesUp: number;
  /** Bytes read from the destination. */
  readonly bytesDown: number;
  /** Bytes read from the client but not yet accepted by the destination. */
  readonly heldUp: number;
  /** Bytes read from the destination but not yet accepted by the client. */
  readonly heldDown: number;
  /**
   * The number of times that the relay paused reading from the client, because the destination did
   * not take all bytes (backpressure), or was not reached yet.
   */
  readonly pausesUp: number;
  /**
   * The number of times that the relay paused reading from the destination, because the client did
   * not take all bytes (backpressure).
   */
  readonly pausesDown: number;
  readonly state: ConnectionState;
}

/** The states of a connection. */
export const CONNECTION_STATES = [
  /** The destination is not reached yet. */
  "connecting",
  /** Both directions are open. */
  "open",
  /** The client has sent its end of stream; the destination still sends. */
  "client ended",
  /** The destination has sent its end of stream; the client still sends. */
  "destination ended",
  /** Both directions have ended. The relay still delivers the bytes that it holds, if any. */
  "closing",
] as const;
export type ConnectionState = (typeof CONNECTION_STATES)[number];

/**
 * A failure of the system: a code, such as `ECONNREFUSED`, and a message that says what failed and
 * with which address.
 */
export interface Failure {
  readonly code: string;
  readonly message: string;
}

/** The ways in which a connection can end. */
export const ENDINGS = [
  /** All bytes that both sides sent were delivered. */
  "finished",
  /**
   * One side closed before it had got all bytes of the other side.
   */
  "abandoned",
  "client reset",
  "destination reset",
  /** The destination could not be reached. */
  "unreachable",
  /** The client left before the destination sent a byte. */
  "client left",
  /** No byte moved in either direction during the idle timeout. */
  "idle",
  /** The connection was half-closed, and no byte moved during the half-close timeout. */
  "half-closed",
  /** The relay was stopped, and the connection did not end within the time limits of the drain. */
  "stopped",
  /** An unexpected error, reported through `fault`. */
  "fault",
] as const;
export type Ending = (typeof ENDINGS)[number];

/**
 * The kind of a limit that was reached.
 *
 * - `own`: the relay's own limit of open connections.
 * - `shared`: a limit of open connections that several relays share.
 * - `memory`: the limit of bytes that all connections of the process hold.
 * - `descriptors`: the limit of open files of the process or of the system; no descriptor is left.
 */
export type ReachedLimit = "own" | "shared" | "memory" | "descriptors";

/**
 * The thing that is lost when clients cannot find a source any more: the file of a Unix source, or
 * the network namespace of a TCP or abstract source.
 */
export type SourceLoss = "file" | "network namespace";

/** The facts about the stop of a relay. */
export interface Stop {
  /**
   * `asked`: `stop()` was called. `idle`: `stopIfIdle()` was called while no connection was open.
   * `handed over`: `leave()` was called, because another process now accepts the clients.
   * `given back`: `giveBack()` was called, because the handover was not completed. If it failed
   * early, the relay has never accepted clients, and `listening` was not reported.
   */
  readonly cause: "asked" | "idle" | "handed over" | "given back";
  /**
   * The number of connections that were reset at the stop because they had not ended by themselves.
   */
  readonly cut: number;
}

/**
 * The relay reports everything through its observer, and in no other way. An observer that throws
 * an error has a bug. The relay passes such an error to `fault`, like any other unexpected error,
 * and continues.
 */
export interface Observer {
  /**
   * The source is bound and the relay accepts clients. `endpoint` contains the port that the system
   * chose if port 0 was asked for.
   */
  listening(endpoint: SocketEndpoint): void;
  /**
   * With the option `acceptProxy`: the number of proxies that have not sent their whole header has
   * changed by `change`. `change` is 1 if a proxy was accepted. `change` is negative if the relay
   * no longer waits for the headers of that many proxies, because the header arrived, or because
   * the proxy was refused, left or was reset. A proxy counts as an open connection while the relay
   * waits for its header.
   */
  waitingForHeader(change: number): void;
  /** A client was accepted and admitted. */
  opened(connection: ConnectionView): void;
  /**
   * The relay refused a client because of the access rules, a limit, or a missing or invalid PROXY
   * header. `client` is the client's address, or the user, group and process of a Unix client; `""`
   * if unknown. `opened` and `closed` are not called for this client.
   */
  refused(client: string, reason: string): void;
  /** The destination was reached. */
  connected(connection: ConnectionView): void;
  /** The destination could not be reached. The event `closed` follows. */
  unreachable(connection: ConnectionView, failure: Failure): void;
  /**
   * The destination was reached for the first time after it had been `unreachable` for one or more
   * connections. Each worker reports this for its own connections.
   */
  reachedAgain(): void;
  /** The side `from` has sent its end of stream. The connection continues. */
  halfClosed(connection: ConnectionView, from: "client" | "destination"): void;
  /** The connection is over and holds no descriptor any more. */
  closed(connection: ConnectionView, ending: Ending): void;
  /**
   * A limit is reached: new clients wait in the kernel's queue until the relay is below the limit
   * again. If several relays share a limit of open connections, only the relay that took the last
   * place reports this event.
   */
  full(open: number, limit: ReachedLimit): void;
  /**
   * A reason for which the relay accepts no clients has begun (`change` is 1) or ended (-1). There
   * can be several reasons at once. A relay with workers accepts clients as long as one of its
   * workers accepts clients. While all workers have paused, the relay has the reasons of all of
   * them. All reasons end when the relay stops.
   */
  acceptingPaused(reason: ReachedLimit, change: number): void;
  /**
   * Clients cannot find the source, because somebody removed or replaced the file of a Unix source,
   * or deleted the network namespace of a TCP or abstract source.
   */
  sourceLost(what: SourceLoss): void;
  /** The file or the network namespace that was lost is back in its place. */
  sourceBack(what: SourceLoss): void;
  /**
   * The capture into the file at `path` has ended; `reason` says why. The relay continues without
   * the capture.
   */
  captureEnded(path: string, reason: string): void;
  /** The relay has stopped accepting and waits for `open` connections to end. */
  draining(open: number): void;
  /** The relay has ended, with all its connections and sockets. */
  stopped(stop: Stop): void;
  /** An unexpected error, such as a bug in an observer or the death of a worker. */
  fault(error: unknown): void;
  /** A problem that the operator should know about; the relay continues. */
  warning(message: string): void;
  /** A detail for debugging. */
  notice(message: string): void;
}
