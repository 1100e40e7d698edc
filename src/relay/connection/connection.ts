import type { SocketHandler } from "bun";
import type { BulkReader } from "../stream/bulk-reader.ts";
import type { EqualDeadlines } from "./equal-deadlines.ts";
import type { LingeringClose, Outcome } from "./lingering-close.ts";
import type { ConnectionState, ConnectionView, Ending, Failure, Observer } from "../observer.ts";
import type { Target } from "../../address/resolve-destination.ts";
import type { SocketAddress } from "../../address/socket-address.ts";
import { keepSideAlive } from "./keepalive.ts";
import { EPIPE } from "../../os/errno.ts";
import type { Admitted } from "../entrance.ts";
import type { Peer } from "../../os/peer-credentials.ts";
import { clientAddressOf, clientPeerOf } from "./client-identity.ts";
import { Pipe } from "../stream/pipe.ts";
import { FailedSocketBytes } from "../stream/failed-socket-bytes.ts";
import { Side } from "../stream/side.ts";
import type { Unadmitted } from "./unadmitted.ts";

/** What all connections of one relay share. */
export interface Shared {
  readonly observer: Observer;
  readonly target: Target;
  /** Whether an address of the destination leads back to the source; null if none can. */
  leadsBack: ((address: SocketAddress) => boolean) | null;
  readonly sourceIsTcp: boolean;
  readonly keepalive: number;
  readonly connectRetry: number;
  /** The open ones. */
  readonly connections: Set<Connection>;
  readonly attempts: EqualDeadlines<Attempt>;
  readonly lingering: LingeringClose;
  /** What moves bulk; null where Bun alone reads. */
  readonly bulk: BulkReader | null;
  /** The events of every socket of every connection. */
  readonly handlers: SocketHandler<SocketOwner, "uint8array">;
  /** Called with EMFILE or ENFILE when there is no descriptor for a destination's socket. */
  readonly exhausted: (code: string) => void;
  /** Called when a connection has ended, after it left `connections`. */
  readonly ended: (connection: Connection) => void;
  /** Whether the last connection that had an answer could not reach the destination. */
  isFailing: boolean;
}

/** The reaching of a connection's destination, for as long as it goes on. */
export interface Attempt {
  /** Whether the destination is tried again by `connectRetry`, so that nobody may be there. */
  readonly retrying: boolean;
  /** A side has a socket, which may still be connecting. */
  opened(side: ConnectionSide): void;
  /**
   * A side's connecting socket has news; `proven` where bytes came, which only a connection brings.
   * If it is connected it is the destination's socket afterwards.
   */
  progress(side: ConnectionSide, proven: boolean): void;
  /** A side's connecting socket is closed; `code` is undefined where that was no failure. */
  lost(side: ConnectionSide, code: string | undefined): void;
  /** The time is up. */
  expire(): void;
  /** Gives the destination up, without a word. */
  cancel(): void;
}

/**
 * One end of a connection: its socket, the pipe that it feeds and the pipe that feeds it. While several
 * addresses of a destination are tried at the same time, each socket has a side of its own, and the
 * first one connected gives it to the connection's.
 */
export class ConnectionSide extends Side {
  constructor(
    readonly connection: Connection,
    readonly isTcp: boolean,
  ) {
    super();
  }

  get peer(): ConnectionSide {
    const { client, destination } = this.connection;
    return this === client ? destination : client;
  }

  get inbound(): Pipe {
    const { client, up, down } = this.connection;
    return this === client ? up : down;
  }

  get outbound(): Pipe {
    const { client, up, down } = this.connection;
    return this === client ? down : up;
  }

  get pending(): number {
    return this.outbound.pending;
  }
}

/** Whom the events of a socket concern: its `data`. */
export type SocketOwner = ConnectionSide | Unadmitted;

/** One accepted client and its link to the destination. */
export class Connection implements ConnectionView {
  readonly client: ConnectionSide;
  readonly destination: ConnectionSide;
  /** From the client to the destination. */
  readonly up: Pipe;
  /** From the destination to the client. */
  readonly down: Pipe;
  readonly openedAt = performance.now();
  connectedAt: number | null = null;
  destinationAddress = "";
  /** Null once the destination is reached or given up. */
  attempt: Attempt | null = null;
  ending: Ending | null = null;
  /** What the relay itself tells the destination before anything of the client's. */
  preface: Uint8Array | null = null;
  #clientAddress: string | undefined;
  #clientPeer: Peer | null | undefined;

  constructor(
    readonly shared: Shared,
    readonly id: number,
    /** What was known of the client when it was accepted. */
    readonly admitted: Admitted,
  ) {
    this.client = new ConnectionSide(this, shared.sourceIsTcp);
    this.destination = new ConnectionSide(this, shared.target.isTcp);
    this.up = new Pipe(this.client, this.destination, shared.bulk);
    this.down = new Pipe(this.destination, this.client, shared.bulk);
  }

  get clientAddress(): string {
    return (this.#clientAddress ??= clientAddressOf(this.client, this.admitted.arrival));
  }

  get clientPeer(): Peer | null {
    if (this.#clientPeer === undefined) this.#clientPeer = clientPeerOf(this.client);
    return this.#clientPeer;
  }

  get bytesUp(): number {
    return this.up.bytesRead;
  }

  get bytesDown(): number {
    return this.down.bytesRead;
  }

  get heldUp(): number {
    return this.up.held;
  }

  get heldDown(): number {
    return this.down.held;
  }

  get pausesUp(): number {
    return this.up.pauses;
  }

  get pausesDown(): number {
    return this.down.pauses;
  }

  get state(): ConnectionState {
    if (this.attempt !== null) return "connecting";
    if (this.up.state === "flowing")
      return this.down.state === "flowing" ? "open" : "destination ended";
    return this.down.state === "flowing" ? "client ended" : "closing";
  }
}

/** Whether one direction at least takes nothing new any more. Before the destination answered: no. */
export function isHalfClosed({ attempt, up, down }: Connection): boolean {
  return attempt === null && (up.state !== "flowing" || down.state !== "flowing");
}

/** The destination answered: the preface goes out first, then what the client sent meanwhile. */
export function reached(connection: Connection): void {
  const { shared, destination, up, preface } = connection;
  connection.attempt = null;
  destination.ready = true;
  keepSideAlive(destination, shared.keepalive);
  tellReached(connection);
  if (preface !== null) up.precede(preface);
  connection.preface = null;
  up.advance();
  settle(connection);
}

/** The destination was reached, and reset the connection before the relay heard of either. */
export function reachedAndReset(connection: Connection): void {
  connection.attempt = null;
  tellReached(connection);
  sideClosed(connection.destination, "ECONNRESET");
}

/** Tells that the destination was reached, at the address that the attempt has noted. */
function tellReached(connection: Connection): void {
  const { shared } = connection;
  connection.connectedAt = performance.now();
  shared.observer.connected(connection);
  if (!shared.isFailing) return;
  shared.isFailing = false;
  shared.observer.reachedAgain();
}

/** The destination cannot be reached: the client sees a failure at once. */
export function unreachable(connection: Connection, failure: Failure): void {
  connection.attempt = null;
  connection.shared.isFailing = true;
  connection.shared.observer.unreachable(connection, failure);
  destroy(connection, "unreachable");
}

/** A side has sent its end of stream. */
export function sideEnded(side: ConnectionSide): void {
  const { connection, inbound } = side;
  if (hasFailed(side)) return sideFailed(side);
  if (inbound.state !== "flowing") return;
  inbound.end();
  connection.shared.observer.halfClosed(
    connection,
    side === connection.client ? "client" : "destination",
  );
  settle(connection);
}

/** A side's socket is closed; `code` is the reason where there was a failure. */
export function sideClosed(side: ConnectionSide, code: string | undefined): void {
  const { connection, inbound, outbound } = side;
  connection.shared.lingering.delete(side);
  side.detach();
  if (isFailure(side, code)) sideFailed(side);
  inbound.end();
  outbound.break();
  settle(connection);
}

/**
 * Bytes came from a side that is paused, which happens only to a TCP side that has failed. More may
 * be in the kernel than a direction is to hold: the relay lets go of the socket that Bun would read
 * all of it from.
 */
export function pausedSideSent(side: ConnectionSide): void {
  const { inbound, socket } = side;
  if (inbound.state !== "flowing") return;
  const remains = FailedSocketBytes.of(side);
  if (remains === null) return;
  inbound.inherit(remains);
  sideClosed(side, undefined);
  socket?.terminate();
}

/** A side failed before its end of stream; while the destination is not reached, it has just left. */
function sideFailed(side: ConnectionSide): void {
  const { connection, inbound } = side;
  if (inbound.state !== "flowing") return;
  if (connection.attempt === null)
    connection.ending ??= side === connection.client ? "client reset" : "destination reset";
  inbound.abort();
}

/** Ends a connection now: a TCP peer sees a reset, a Unix peer a close. */
export function destroy(connection: Connection, ending: Ending): void {
  const { client, destination, attempt, up, down } = connection;
  connection.ending ??= ending;
  connection.attempt = null;
  attempt?.cancel();
  // Else the close of the first side would send the second one an end of stream before its reset.
  up.abort();
  down.abort();
  client.terminate();
  destination.terminate();
  settle(connection);
}

/**
 * Ends a connection now because a stop waits for it no longer. False if nothing was cut: one side has
 * closed, and the other has got everything and only has not closed yet.
 */
export function cutOff(connection: Connection): boolean {
  const { client, destination } = connection;
  const left = client.socket === null ? destination : client;
  const hasAll = left.outbound.state === "ended" && left.pending === 0 && left.unsent() === 0;
  if (left.peer.socket !== null || !hasAll) {
    destroy(connection, "stopped");
    return true;
  }
  left.close();
  return false;
}

/** After bytes moved to a side: its peer may be gone and this may have been the last of it. */
export function settle(connection: Connection): void {
  const { client, destination } = connection;
  if (connection.attempt !== null) {
    if (client.socket === null || connection.attempt.retrying) leave(connection);
  } else if (client.socket === null && destination.socket === null) {
    finish(connection);
  } else if (client.socket === null) {
    windUp(destination);
  } else if (destination.socket === null) {
    windUp(client);
  }
}

/**
 * The client has ended, or even closed, before the destination answered. What it sent is still to be
 * delivered. One that sent nothing may wait for a greeting, but not while nobody is there to greet.
 */
function leave(connection: Connection): void {
  const { up, client } = connection;
  if (up.held > 0 && up.state !== "aborting") return;
  if (client.socket !== null && up.state === "flowing") return;
  destroy(connection, "client left");
}

/** The peer of this side is gone. */
function windUp(side: ConnectionSide): void {
  const { outbound, connection } = side;
  // The bytes held may take as long as the side likes.
  if (outbound.state === "ending") return;
  const outcome: Outcome = outbound.state === "aborting" ? "reset" : "close";
  connection.shared.lingering.add(side, outcome);
}

function finish(connection: Connection): void {
  const { shared, up, down } = connection;
  if (!shared.connections.delete(connection)) return;
  // Both sides are gone: what is held for one that was never reached, say, is to be let go of.
  up.break();
  down.break();
  const whole = up.dropped === 0 && down.dropped === 0;
  shared.observer.closed(connection, connection.ending ?? (whole ? "finished" : "abandoned"));
  shared.ended(connection);
}

function isFailure(side: ConnectionSide, code: string | undefined): boolean {
  // A reset that comes after the peer's FIN is EPIPE (Linux, tcp_reset()): the end was clean.
  return hasFailed(side) || (code !== undefined && code !== "EPIPE");
}

/** A call of ours that met a failure took the error from the socket: what follows looks like an end. */
function hasFailed({ errno }: Side): boolean {
  return errno !== 0 && errno !== EPIPE;
}
