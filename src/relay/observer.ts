import type { SocketEndpoint } from "../address/address.ts";
import type { Peer } from "../os/peer-credentials.ts";

/** What an observer may know of a connection. It is live: the figures go on until `closed`. */
export interface ConnectionView {
  /** Counts up from 1 within one relay. */
  readonly id: number;
  /**
   * Who connected: `127.0.0.1:5678` of a TCP client, `""` of a Unix client, which has no name, and
   * of a TCP client that reset before it was accepted.
   * It is asked of the socket when first read, so read it before `closed`.
   */
  readonly clientAddress: string;
  /**
   * Whose process a Unix client is; null of a TCP client and where the kernel does not say. It is
   * asked in the same way.
   */
  readonly clientPeer: Peer | null;
  /** When it was accepted, in milliseconds of `performance.now()`. */
  readonly openedAt: number;
  /** When the destination was reached, by the same clock; null before. */
  readonly connectedAt: number | null;
  /** The address that was reached, of a destination with several; `""` before. */
  readonly destinationAddress: string;
  /** Bytes read from the client. */
  readonly bytesUp: number;
  /** Bytes read from the destination. */
  readonly bytesDown: number;
  /** Bytes read from the client that the destination has not taken yet. */
  readonly heldUp: number;
  /** Bytes read from the destination that the client has not taken yet. */
  readonly heldDown: number;
  /** How often reading from the client paused because the destination took no more. */
  readonly pausesUp: number;
  /** How often reading from the destination paused because the client took no more. */
  readonly pausesDown: number;
  readonly state: ConnectionState;
}

/** Where a connection is in its life. */
export const CONNECTION_STATES = [
  /** The destination has not answered yet. */
  "connecting",
  /** Both directions are open. */
  "open",
  /** The client has sent its end of stream; the destination still sends. */
  "client ended",
  /** The destination has sent its end of stream; the client still sends. */
  "destination ended",
  /** Nothing new is passed on any more; the last bytes are on their way. */
  "closing",
] as const;
export type ConnectionState = (typeof CONNECTION_STATES)[number];

/** A failure of the system: its code, as `ECONNREFUSED`, and what was being done to what. */
export interface Failure {
  readonly code: string;
  readonly message: string;
}

/** How a connection ended. */
export const ENDINGS = [
  /** Everything that was sent was delivered. */
  "finished",
  /** One side closed while the other still sent: those bytes had nobody left to read them. */
  "abandoned",
  "client reset",
  "destination reset",
  /** The destination could not be reached. */
  "unreachable",
  /** The client left before the destination answered. */
  "client left",
  /** Nothing moved for the idle timeout. */
  "idle",
  /** It was half-closed, and nothing moved for the half-close timeout. */
  "half-closed",
  /** The relay was stopped and the drain's time was up. */
  "stopped",
  /** An unexpected error, reported through `fault`. */
  "fault",
] as const;
export type Ending = (typeof ENDINGS)[number];

/** How a relay stopped. */
export interface Stop {
  /**
   * `asked`: by `stop()`. `idle`: by `stopIfIdle()`, so without an open connection. `handed over`:
   * by `leave()`, so another process accepts the clients.
   */
  readonly cause: "asked" | "idle" | "handed over";
  /** Open connections that the stop reset instead of waiting for their end. */
  readonly cut: number;
}

/**
 * What happens leaves the relay through here, and only here. An observer that throws is a bug of
 * the observer: the error goes to the same place as any other unexpected one, `fault`, and the relay
 * goes on as if it had not.
 */
export interface Observer {
  /** The source is bound and accepts; `endpoint` has the port the system chose where 0 was asked. */
  listening(endpoint: SocketEndpoint): void;
  /** A client was accepted. */
  opened(connection: ConnectionView): void;
  /**
   * A client was turned away by the rules of who may connect, before anything else was done for it.
   * `client` is its address, or of a Unix client its user, group and process; `""` where nothing is
   * known of it. `opened` and `closed` are not called.
   */
  refused(client: string, reason: string): void;
  /** The destination was reached. */
  connected(connection: ConnectionView): void;
  /** The destination could not be reached. `closed` follows. */
  unreachable(connection: ConnectionView, failure: Failure): void;
  /**
   * The destination was reached, for the first time since one or more connections were
   * `unreachable`. Of several workers, each says so for its own connections.
   */
  reachedAgain(): void;
  /** One direction reached its end of stream; the other goes on. */
  halfClosed(connection: ConnectionView, from: "client" | "destination"): void;
  /** The connection is over and holds no descriptor any more. */
  closed(connection: ConnectionView, ending: Ending): void;
  /** All places are taken: clients wait in the kernel's queue until one is free. */
  full(open: number): void;
  /** The file of a Unix source was removed or replaced by somebody: no client finds the source. */
  sourceLost(): void;
  /** The file that was lost is in its place again. */
  sourceBack(): void;
  /** The relay accepts no more and waits for `open` connections to end. */
  draining(open: number): void;
  /** Nothing of the relay is left. */
  stopped(stop: Stop): void;
  /** Something happened that this program did not foresee. */
  fault(error: unknown): void;
  /** Something a person should know once, and with which the relay goes on. */
  warning(message: string): void;
  /** Something that a person wants to know only who looks closely. */
  notice(message: string): void;
}
