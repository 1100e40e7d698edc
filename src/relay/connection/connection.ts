import type { SocketHandler } from "bun";
import type { EqualDeadlines } from "./equal-deadlines.ts";
import type { LingeringClose, Outcome } from "./lingering-close.ts";
import type { ConnectionState, ConnectionView, Ending, Failure, Observer } from "../observer.ts";
import type { Target } from "../../address/resolve-destination.ts";
import type { SocketAddress } from "../../address/socket-address.ts";
import type { Libc } from "../../os/libc.ts";
import { keepSideAlive } from "./keepalive.ts";
import { EPIPE } from "../../os/errno.ts";
import type { Admitted } from "../client-admission.ts";
import type { Peer } from "../../os/peer-credentials.ts";
import type { DepartedClients } from "./departed-clients.ts";
import { clientAddressOf, clientPeerOf } from "./client-identity.ts";
import type { Capture } from "../capture/capture.ts";
import { TappedPipe } from "../capture/tapped-pipe.ts";
import { Pipe, type PipeMeans } from "../stream/pipe.ts";
import { FailedSocketBytes } from "../stream/failed-socket-bytes.ts";
import { Side } from "../stream/side.ts";
import type { Unadmitted } from "./unadmitted.ts";

// A client whose close comes this much later than its end of stream, in milliseconds, has not closed in
// one go.
const ENDED_BEFORE = 1_000;

// How long after a client has left unanswered others are expected to, in milliseconds.
const EBB = 200;

/** What all connections of one relay share. */
export interface Shared extends PipeMeans {
  readonly observer: Observer;
  readonly target: Target;
  /** The calls that make the destination's sockets; null without FFI. */
  readonly libc: Libc | null;
  /** Whether an address of the destination leads back to the source; null if none can. */
  leadsBack: ((address: SocketAddress) => boolean) | null;
  readonly sourceIsTcp: boolean;
  readonly keepalive: number;
  readonly connectRetry: number;
  /** All connections that are open. */
  readonly connections: Set<Connection>;
  readonly attempts: EqualDeadlines<Attempt>;
  readonly lingering: LingeringClose;
  /** Null unless connections are captured; then Bun does all reads. */
  capture: Capture | null;
  /** Handle the events of every socket of every connection. */
  readonly handlers: SocketHandler<SocketOwner, "uint8array">;
  /** Called with EMFILE or ENFILE when there is no descriptor for a destination's socket. */
  readonly exhausted: (code: string) => void;
  /** When the ebb was last seen (`isEbb`), by `performance.now()`; -Infinity before the first. */
  clientLeftAt: number;
  /** Whether all places are taken, or were until a connection ended in this turn. */
  readonly isFull: () => boolean;
  /** Clients that may have left without a word. */
  readonly departed: DepartedClients<Connection>;
  /** Called when a connection has ended, after it left `connections`. */
  readonly ended: (connection: Connection) => void;
  /** Called when a late socket has ended, after `lateSockets` has decreased. */
  readonly lateSocketEnded: () => void;
  /** Number of sockets that Bun still connects for attempts that have ended; 0 with FFI. */
  lateSockets: number;
  /** Whether the last connection that had an answer could not reach the destination. */
  isFailing: boolean;
}

/** An attempt to reach the destination of a connection. */
export interface Attempt {
  /** Whether the destination refused or was absent, and `connectRetry` tries it again. */
  readonly retrying: boolean;
  /** A side has a socket, which may still be connecting. */
  opened(side: ConnectionSide): void;
  /**
   * A side's connecting socket had an event. `proven`: the event brought bytes, so the socket is
   * connected. A connected socket belongs to the connection's destination afterwards.
   */
  progress(side: ConnectionSide, proven: boolean): void;
  /** A side's connecting socket is closed; `code` is undefined if it did not fail. */
  lost(side: ConnectionSide, code: string | undefined): void;
  /** The time of the attempt is up. */
  expire(): void;
  /** Gives up, and reports nothing. */
  cancel(): void;
}

/**
 * One end of a connection: its socket, the pipe that reads from it and the pipe that writes to it. While
 * several addresses of a destination are tried at the same time, each socket has a side of its own. The
 * first socket that connects then moves to the connection's destination side.
 */
export class ConnectionSide extends Side {
  constructor(
    readonly connection: Connection,
    readonly isTcp: boolean,
  ) {
    super();
  }

  /** The other end of the connection. */
  get peer(): ConnectionSide {
    const { client, destination } = this.connection;
    return this === client ? destination : client;
  }

  /** The pipe that reads from this side. */
  get inbound(): Pipe {
    const { client, up, down } = this.connection;
    return this === client ? up : down;
  }

  /** The pipe that writes to this side. */
  get outbound(): Pipe {
    const { client, up, down } = this.connection;
    return this === client ? down : up;
  }

  /** Bytes that the relay still has to write to this side. */
  get pending(): number {
    return this.outbound.pending;
  }
}

/** The `data` of a socket: who hears of its events. */
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
  /** Non-null exactly while the relay tries to reach the destination. */
  attempt: Attempt | null = null;
  /** Why the connection ends, once something other than both ends of stream ends it. */
  ending: Ending | null = null;
  /** Bytes of the relay's own, to go to the destination before the client's; null once they have. */
  preface: Uint8Array | null = null;
  /** When the client sent its end of stream, by `performance.now()`; Infinity after an answer. */
  clientEndedAt = Infinity;
  /** Whether the destination, which has not answered, is to hear that the client has gone. */
  clientGone = false;
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
    if (shared.capture === null) {
      this.up = new Pipe(this.client, this.destination, shared);
      this.down = new Pipe(this.destination, this.client, shared);
    } else {
      const conversation = shared.capture.conversation(id);
      this.up = new TappedPipe(this.client, this.destination, shared, conversation, true);
      this.down = new TappedPipe(this.destination, this.client, shared, conversation, false);
    }
  }

  get clientAddress(): string {
    return (this.#clientAddress ??= clientAddressOf(this.client, this.admitted.accepted));
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

/** Whether at least one direction is over. False before the destination answered. */
export function isHalfClosed({ attempt, up, down }: Connection): boolean {
  return attempt === null && (up.state !== "flowing" || down.state !== "flowing");
}

/** The destination answered. The preface goes out first, then the bytes that the client sent meanwhile. */
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

/** The destination accepted and reset the connection before the relay saw either event. */
export function reachedAndReset(connection: Connection): void {
  connection.attempt = null;
  tellReached(connection);
  sideClosed(connection.destination, "ECONNRESET");
}

/** Reports that the destination was reached, at the address that the attempt has noted. */
function tellReached(connection: Connection): void {
  const { shared } = connection;
  connection.connectedAt = performance.now();
  shared.observer.connected(connection);
  if (!shared.isFailing) return;
  shared.isFailing = false;
  shared.observer.reachedAgain();
}

/** The destination cannot be reached. The client sees a failure at once. */
export function unreachable(connection: Connection, failure: Failure): void {
  connection.attempt = null;
  connection.shared.isFailing = true;
  connection.shared.observer.unreachable(connection, failure);
  destroy(connection, "unreachable");
}

/** A side sent its end of stream. */
export function sideEnded(side: ConnectionSide): void {
  const { connection, inbound } = side;
  if (hasFailed(side)) return sideFailed(side);
  if (inbound.state !== "flowing") return;
  inbound.end();
  connection.shared.observer.halfClosed(
    connection,
    side === connection.client ? "client" : "destination",
  );
  if (side === connection.client && connection.down.bytesRead === 0) clientEnded(connection);
  settle(connection);
}

/** A client sent its end of stream before the destination answered. */
function clientEnded(connection: Connection): void {
  connection.clientEndedAt = performance.now();
  if (isSilent(connection)) connection.shared.departed.watch(connection);
}

/** Whether neither side has sent a byte. */
function isSilent({ up, down }: Connection): boolean {
  return up.bytesRead === 0 && down.bytesRead === 0;
}

/** Ends a connection on which nothing was sent and whose client has left. */
export function leaveSilently(connection: Connection): void {
  destroy(connection, "client left");
}

/** The socket of a side is closed. `code` is the error's code if the socket failed. */
export function sideClosed(side: ConnectionSide, code: string | undefined): void {
  const { connection, inbound, outbound } = side;
  connection.shared.lingering.delete(side);
  side.detach();
  if (isFailure(side, code)) sideFailed(side);
  inbound.end();
  outbound.break();
  if (side === connection.client) clientClosed(connection, code);
  settle(connection);
}

/**
 * The client's socket closed. If the destination has not answered, it cannot tell whether the client
 * still waits: it saw the end of stream earlier. The relay tells it, where that costs no byte:
 *
 * | the client sent | destination | sees                               | if the client                    |
 * | --------------- | ----------- | ---------------------------------- | -------------------------------- |
 * | nothing         | any         | a reset, or a close                | failed, or had ended a second ago |
 * | bytes           | TCP         | a reset, once it acknowledged them | failed                           |
 * | bytes           | Unix        | a close, once it took them         | failed, or had ended long ago    |
 *
 * At the ebb (`isEbb`) a client counts as one that had ended long ago.
 */
function clientClosed(connection: Connection, code: string | undefined): void {
  const { attempt, down, destination, clientEndedAt, shared } = connection;
  if (down.bytesRead > 0) return;
  const now = performance.now();
  const hasFailed = code !== undefined;
  const hasGone = hasFailed || isEbb(shared, now);
  if (attempt !== null) {
    if (hasFailed && isEbb(shared, now)) leaveSilently(connection);
  } else if (isSilent(connection)) {
    if (hasGone || now - clientEndedAt >= ENDED_BEFORE) leaveSilently(connection);
  } else if (destination.isTcp) {
    // A reset can destroy bytes that a slow destination has not read, so the client must cause it.
    connection.clientGone = hasFailed;
  } else {
    // In a ring, the relay before this one has lingered for that time.
    connection.clientGone = hasGone || now - clientEndedAt >= shared.lingering.farewell / 2;
  }
}

/**
 * Whether clients are leaving unanswered right now.
 *
 * In a ring of relays each connection causes the next one. When the first client leaves, the connections
 * end one after the other. Each end frees a place for the newest connection of the ring, which waits in
 * a kernel queue and then causes a further one. Ends and new connections go around the ring at the same
 * speed, for ever. So at the ebb the relay passes ends on at once and delays new connections, until the
 * ends have caught up.
 *
 * A ring grows until a relay is full. So the ebb begins only if a client leaves unanswered while the relay
 * is full, and goes on as long as others follow: a client that resets delays nobody else.
 */
export function isEbb({ clientLeftAt }: Shared, now: number): boolean {
  return now - clientLeftAt < EBB;
}

/**
 * A paused side delivered bytes. Only a TCP side that failed does that, and Bun goes on to read all that
 * the kernel has of it, which may be more than a direction may hold. So the relay keeps a descriptor of
 * its own, to read the rest when there is room, and closes Bun's socket.
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

/**
 * A side failed. After its end of stream that changes nothing. Before the destination is reached it
 * counts as a client that left.
 */
function sideFailed(side: ConnectionSide): void {
  const { connection, inbound } = side;
  if (inbound.state !== "flowing") return;
  if (connection.attempt === null)
    connection.ending ??= side === connection.client ? "client reset" : "destination reset";
  inbound.abort();
}

/** Ends a connection now. A TCP peer sees a reset, a Unix peer a close. */
export function destroy(connection: Connection, ending: Ending): void {
  const { client, destination, attempt, up, down } = connection;
  connection.ending ??= ending;
  connection.attempt = null;
  attempt?.cancel();
  // Otherwise the close of the first side would send an end of stream to the second, before its reset.
  up.abort();
  down.abort();
  client.terminate();
  destination.terminate();
  settle(connection);
}

/**
 * Ends a connection that a stop no longer waits for. Returns false if that cut nothing: one side was
 * closed, and the other side had everything and only had not closed yet.
 */
export function cutOff(connection: Connection): boolean {
  const { client, destination } = connection;
  const last = client.socket === null ? destination : client;
  const hasAll = last.outbound.state === "ended" && last.pending === 0 && last.unsent() === 0;
  if (last.peer.socket !== null || !hasAll) {
    destroy(connection, "stopped");
    return true;
  }
  last.close();
  return false;
}

/**
 * Brings a connection closer to its end if a side of it is gone. To be called after a side closed, and
 * after bytes went to a side: they may have been the last ones.
 */
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
 * The client ended its stream, or closed, before the destination answered. The bytes that it sent are
 * still delivered. A client that ended without a byte may wait for a greeting; but not for that of a
 * destination that refuses or is absent.
 */
function leave(connection: Connection): void {
  const { up, client } = connection;
  if (up.held > 0 && up.state !== "aborting") return;
  if (client.socket !== null && up.state === "flowing") return;
  destroy(connection, "client left");
}

/** The peer of this side is gone: the side lingers once it has the bytes that the relay holds. */
function windUp(side: ConnectionSide): void {
  const { inbound, outbound, connection } = side;
  // Both ends of stream went through, so Bun closes the socket in this turn or the next.
  if (inbound.state === "ended" && outbound.state === "ended") return;
  // The side may take as long as it likes for these bytes.
  if (outbound.state === "ending") return;
  const isFailure = outbound.state === "aborting" || connection.clientGone;
  const outcome: Outcome = isFailure ? "reset" : "close";
  connection.shared.lingering.add(side, outcome);
}

/** Both sides are gone. */
function finish(connection: Connection): void {
  const { shared, up, down } = connection;
  if (!shared.connections.delete(connection)) return;
  shared.departed.forget(connection);
  const hasLeft = connection.ending === "client left" || connection.clientGone;
  if (hasLeft && connection.connectedAt !== null) clientLeft(shared);
  // Frees what is still held, for example for a destination that was never reached.
  up.break();
  down.break();
  const whole = up.dropped === 0 && down.dropped === 0;
  shared.observer.closed(connection, connection.ending ?? (whole ? "finished" : "abandoned"));
  shared.ended(connection);
}

/** A client left before the destination answered. */
function clientLeft(shared: Shared): void {
  const now = performance.now();
  if (shared.isFull() || isEbb(shared, now)) shared.clientLeftAt = now;
}

function isFailure(side: ConnectionSide, code: string | undefined): boolean {
  // Linux reports a reset after the peer's FIN as EPIPE (tcp_reset()): the stream had ended cleanly.
  return hasFailed(side) || (code !== undefined && code !== "EPIPE");
}

/** Our system call consumed SO_ERROR, so Bun will report a clean close. Trust the saved errno. */
function hasFailed({ errno }: Side): boolean {
  return errno !== 0 && errno !== EPIPE;
}
