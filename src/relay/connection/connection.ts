import type { SocketHandler } from "bun";
import type { DeadlineQueue } from "./deadline-queue.ts";
import type { LingeringClose, Outcome } from "./lingering-close.ts";
import type { ConnectionState, ConnectionView, Ending, Failure, Observer } from "../observer.ts";
import type { Target } from "../../address/resolve-destination.ts";
import type { SocketAddress } from "../../address/socket-address.ts";
import type { Libc } from "../../os/libc.ts";
import { keepSideAlive } from "./keepalive.ts";
import { EPIPE } from "../../os/errno.ts";
import type { Admitted } from "../client-admission.ts";
import type { Peer } from "../../os/peer-credentials.ts";
import type { DepartedClients } from "./departed-local-clients.ts";
import { clientAddressOf, clientPeerOf } from "./client-address-and-user.ts";
import type { Capture } from "../capture/capture-in-thread.ts";
import { TappedPipe } from "../capture/tapped-pipe.ts";
import { Pipe, type PipeMeans } from "../stream/pipe.ts";
import { FailedSocketBytes } from "../stream/unread-bytes-of-failed-socket.ts";
import { Side } from "../stream/side.ts";
import type { UnadmittedSocket } from "./unadmitted-socket.ts";

// If at least this many milliseconds lie between a client's end of stream and the close of its socket,
// the client ended its stream first and then waited. With less time, both may come from one close.
const ENDED_BEFORE = 1_000;

// The length of an ebb (`isEbb`) after the latest client that left without an answer, in milliseconds.
const EBB = 200;

/** The state and the objects that all connections of one relay share. */
export interface Shared extends PipeMeans {
  readonly observer: Observer;
  readonly target: Target;
  /** The system calls that make the sockets to the destination; null without FFI. */
  readonly libc: Libc | null;
  /** Returns whether an address of the destination leads back to the source; null if no address can. */
  leadsBack: ((address: SocketAddress) => boolean) | null;
  readonly sourceIsTcp: boolean;
  readonly keepalive: number;
  readonly connectRetry: number;
  /** All open connections of the relay. */
  readonly connections: Set<Connection>;
  readonly attempts: DeadlineQueue<Attempt>;
  readonly lingering: LingeringClose;
  /** Non-null exactly while connections are captured. Bun then does all reads. */
  capture: Capture | null;
  /** The handlers for the events of every socket of every connection. */
  readonly handlers: SocketHandler<SocketOwner, "uint8array">;
  /**
   * Called with the code EMFILE or ENFILE if a socket to the destination could not be made, because no
   * descriptor was free.
   */
  readonly exhausted: (code: string) => void;
  /**
   * The time at which a client last began or prolonged the ebb (`isEbb`), by `performance.now()`;
   * -Infinity before the first ebb.
   */
  clientLeftAt: number;
  /**
   * Returns whether the limit of open connections is reached. If a connection ended in this turn of the
   * event loop, its place still counts as taken.
   */
  readonly isFull: () => boolean;
  /**
   * The clients that have ended their stream and may have left, although the kernel did not report
   * that.
   */
  readonly departed: DepartedClients<Connection>;
  /** Called when a connection has ended, after it left `connections`. */
  readonly ended: (connection: Connection) => void;
  /** Called when a late socket has ended, after `lateSockets` has decreased. */
  readonly lateSocketEnded: () => void;
  /**
   * The number of sockets that Bun is still connecting for attempts that have ended; always 0 with FFI.
   */
  lateSockets: number;
  /** Whether the latest attempt that had a result could not reach the destination. */
  isFailing: boolean;
}

/** An attempt to reach the destination of a connection. */
export interface Attempt {
  /** Whether a try has failed and the attempt keeps trying, until the time `connectRetry` is over. */
  readonly retrying: boolean;
  /** Called when a side of the attempt has got a socket, which may still be connecting. */
  opened(side: ConnectionSide): void;
  /**
   * Called at an event of a side's connecting socket. If the socket is connected, it belongs to the
   * connection's destination side afterwards.
   *
   * @param proven - whether the event brought bytes, which proves that the socket is connected
   */
  progress(side: ConnectionSide, proven: boolean): void;
  /**
   * Called when a side's connecting socket is closed. `code` is the error's code; undefined if the
   * socket did not fail.
   */
  lost(side: ConnectionSide, code: string | undefined): void;
  /** Called when the time limit of the attempt or of its current try is over. */
  expire(): void;
  /** Ends the attempt without a report. */
  cancel(): void;
}

/**
 * One end of a connection: its socket, the pipe that reads from the socket and the pipe that writes to
 * the socket. While the relay tries several addresses of a destination at the same time, each socket
 * has a side of its own. The first socket that connects then moves to the connection's destination
 * side.
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

  /** The number of bytes that the relay still has to write to this side. */
  get pending(): number {
    return this.outbound.pending;
  }
}

/** The object that receives the events of a socket. It is the socket's `data`. */
export type SocketOwner = ConnectionSide | UnadmittedSocket;

/** One accepted client and its link to the destination. */
export class Connection implements ConnectionView {
  readonly client: ConnectionSide;
  readonly destination: ConnectionSide;
  /** The direction from the client to the destination. */
  readonly up: Pipe;
  /** The direction from the destination to the client. */
  readonly down: Pipe;
  readonly openedAt = performance.now();
  connectedAt: number | null = null;
  destinationAddress = "";
  /** Non-null exactly while the relay tries to reach the destination. */
  attempt: Attempt | null = null;
  /**
   * The cause of the connection's end; null while no cause is known. If both sides ended without a
   * cause, the number of dropped bytes decides between `finished` and `abandoned`.
   */
  ending: Ending | null = null;
  /**
   * Bytes that the relay itself sends to the destination before the bytes of the client; null if there
   * are none, and after the destination was reached.
   */
  preface: Uint8Array | null = null;
  /**
   * The time at which the client sent its end of stream while no byte had come from the destination, by
   * `performance.now()`; Infinity if that has not happened.
   */
  clientEndedAt = Infinity;
  /**
   * Whether the client has gone without an answer and the relay must tell the destination: a TCP
   * destination sees a reset, a Unix destination a close.
   */
  clientGone = false;
  #clientAddress: string | undefined;
  #clientPeer: Peer | null | undefined;

  constructor(
    readonly shared: Shared,
    readonly id: number,
    /** The data of the client that the admission collected. */
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

/** Whether at least one direction has ended; false while the attempt to reach the destination lasts. */
export function isHalfClosed({ attempt, up, down }: Connection): boolean {
  return attempt === null && (up.state !== "flowing" || down.state !== "flowing");
}

/**
 * Called when the destination was reached. The relay sends the preface first, then the bytes that the
 * client has sent meanwhile.
 */
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

/** Called when the destination accepted and reset the connection before the relay saw either event. */
export function reachedAndReset(connection: Connection): void {
  connection.attempt = null;
  tellReached(connection);
  sideClosed(connection.destination, "ECONNRESET");
}

/** Reports that the destination was reached. The attempt has already stored the address. */
function tellReached(connection: Connection): void {
  const { shared } = connection;
  connection.connectedAt = performance.now();
  shared.observer.connected(connection);
  if (!shared.isFailing) return;
  shared.isFailing = false;
  shared.observer.reachedAgain();
}

/**
 * Called when the destination could not be reached. Closes the client's socket at once: a TCP client
 * sees a reset.
 */
export function unreachable(connection: Connection, failure: Failure): void {
  connection.attempt = null;
  connection.shared.isFailing = true;
  connection.shared.observer.unreachable(connection, failure);
  destroy(connection, "unreachable");
}

/** Called when a side has sent its end of stream. */
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

/** Called when a client has sent its end of stream and no byte has come from the destination. */
function clientEnded(connection: Connection): void {
  connection.clientEndedAt = performance.now();
  if (isSilent(connection)) connection.shared.departed.watch(connection);
}

/** Whether no byte has been read from either side. */
function isSilent({ up, down }: Connection): boolean {
  return up.bytesRead === 0 && down.bytesRead === 0;
}

/** Ends a connection on which no byte was sent, because the client has left. */
export function leaveSilently(connection: Connection): void {
  destroy(connection, "client left");
}

/**
 * Called when the socket of a side is closed. `code` is the error's code; undefined if the socket did
 * not fail.
 */
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
 * Called when the client's socket is closed. A destination that has not sent a byte knows only the
 * client's end of stream, so the destination cannot tell whether the client still waits for an answer.
 * The relay shows the destination that the client has gone, in the cases in which no byte is lost by
 * that:
 *
 * | the client sent | destination | the destination sees                     | only if the client                                       |
 * | --------------- | ----------- | ---------------------------------------- | -------------------------------------------------------- |
 * | nothing         | any         | a reset (TCP) or a close (Unix)          | failed, or sent its end of stream a second earlier       |
 * | bytes           | TCP         | a reset, after acknowledging all bytes   | failed                                                   |
 * | bytes           | Unix        | a close, after the kernel took all bytes | failed, or sent its end of stream `farewell` / 2 earlier |
 *
 * At the ebb (`isEbb`), a client that sent nothing, or whose destination is a Unix socket, is treated
 * as if it had failed.
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
    // A reset can destroy bytes that a slow destination has not read. So the relay resets only if the
    // client's socket failed.
    connection.clientGone = hasFailed;
  } else {
    // In a ring of relays, the client is another relay, and has lingered for about `farewell` before it
    // closed.
    connection.clientGone = hasGone || now - clientEndedAt >= shared.lingering.farewell / 2;
  }
}

/**
 * Whether the ebb lasts: clients are leaving without an answer.
 *
 * In a ring of relays each connection causes the next one. When the first client leaves, the
 * connections end one after the other. Each end frees a place for the newest connection of the ring,
 * which waits in a kernel queue and then causes a further connection. Ends and new connections would go
 * around the ring at the same speed, for ever. So during the ebb the relay passes ends on at once and
 * delays new connections, until the ends have caught up.
 *
 * A ring grows until a relay is full. So the ebb begins only if a client leaves without an answer while
 * the relay is full, and lasts as long as further clients leave in this way. In a relay that is not
 * full, a client that resets delays no other client.
 */
export function isEbb({ clientLeftAt }: Shared, now: number): boolean {
  return now - clientLeftAt < EBB;
}

/**
 * Called when a paused side delivered bytes. Only a TCP side that failed does that. Bun would then read
 * all bytes that the kernel has from this side, perhaps more than a direction may hold. So the relay
 * duplicates the descriptor, closes Bun's socket, and reads the rest through the duplicate when there
 * is room.
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
 * Called when a side has failed. A failure after the side's end of stream changes nothing. A client
 * that fails before the destination is reached is treated as a client that left.
 */
function sideFailed(side: ConnectionSide): void {
  const { connection, inbound } = side;
  if (inbound.state !== "flowing") return;
  if (connection.attempt === null)
    connection.ending ??= side === connection.client ? "client reset" : "destination reset";
  inbound.abort();
}

/** Ends a connection at once. A TCP peer sees a reset, a Unix peer a close. */
export function destroy(connection: Connection, ending: Ending): void {
  const { client, destination, attempt, up, down } = connection;
  connection.ending ??= ending;
  connection.attempt = null;
  attempt?.cancel();
  // Abort both pipes first. Otherwise the close of the first side would send an end of stream to the
  // second side before its reset.
  up.abort();
  down.abort();
  client.terminate();
  destination.terminate();
  settle(connection);
}

/**
 * Ends a connection because a stop no longer waits for the connection's end.
 *
 * @returns whether the connection was cut; false if one side was closed and the other side had taken
 *   all bytes and only had to close
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
 * Moves a connection towards its end if one of its sides is gone. Call this after a side closed, and
 * after bytes were written to a side, because they may have been the last ones.
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
 * Called when the client has closed before the destination was reached, and at each `settle` while the
 * attempt retries. The relay still delivers the bytes that the client sent. A client that ended its
 * stream without a byte may wait for a greeting. But the relay ends the connection while the attempt
 * retries, because a destination that cannot be reached sends no greeting.
 */
function leave(connection: Connection): void {
  const { up, client } = connection;
  if (up.held > 0 && up.state !== "aborting") return;
  if (client.socket !== null && up.state === "flowing") return;
  destroy(connection, "client left");
}

/**
 * Called when the peer of this side is gone. The side lingers. If the peer ended cleanly, the relay
 * first writes the bytes that it holds for the side.
 */
function windUp(side: ConnectionSide): void {
  const { inbound, outbound, connection } = side;
  // Both directions have passed on their end of stream, so Bun closes the socket in this turn or the
  // next.
  if (inbound.state === "ended" && outbound.state === "ended") return;
  // The relay still holds bytes for this side, and the side may take these bytes without a time limit.
  if (outbound.state === "ending") return;
  const isFailure = outbound.state === "aborting" || connection.clientGone;
  const outcome: Outcome = isFailure ? "reset" : "close";
  connection.shared.lingering.add(side, outcome);
}

/** Called when both sides are gone: removes and reports the connection. */
function finish(connection: Connection): void {
  const { shared, up, down } = connection;
  if (!shared.connections.delete(connection)) return;
  shared.departed.forget(connection);
  const hasLeft = connection.ending === "client left" || connection.clientGone;
  if (hasLeft && connection.connectedAt !== null) clientLeft(shared);
  // Drop the bytes that are still held, for example for a destination that was never reached.
  up.break();
  down.break();
  const whole = up.dropped === 0 && down.dropped === 0;
  shared.observer.closed(connection, connection.ending ?? (whole ? "finished" : "abandoned"));
  shared.ended(connection);
}

/**
 * Called when a client has left without an answer. Begins the ebb if the relay is full, or prolongs it.
 */
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
