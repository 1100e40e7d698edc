import type { SocketHandler } from "bun";
import type { ConnectionList, Listed } from "./connection-list.ts";
import type { DeadlineQueue, Expiring } from "./deadline-queue.ts";
import type { LingeringClose, LingeringSide, Stay } from "./lingering-close.ts";
import type { ConnectionState, ConnectionView, Ending, Observer } from "../observer.ts";
import type { Target } from "../../address/resolve-destination.ts";
import type { SocketAddress } from "../../address/socket-address.ts";
import { ECONNRESET, EPIPE } from "../../os/errno.ts";
import { libc, type Libc } from "../../os/libc.ts";
import type { Admitted } from "../admission/admit-or-refuse-client.ts";
import type { Peer } from "../../os/peer-credentials.ts";
import type { DepartedLocalClients } from "./departed-half-closed-clients.ts";
import { clientAddressOf, clientPeerOf } from "./client-address-and-user.ts";
import type { Capture } from "../capture/capture-of-one-thread.ts";
import { TappedPipe } from "../capture/tapped-pipe.ts";
import { Pipe, type PipeMeans } from "../stream/pipe.ts";
import { Side } from "../stream/side.ts";
import { hasEndedBeforeReset, isHiddenReset } from "./hidden-reset.ts";
import type { UnadmittedSocket } from "./unadmitted-socket.ts";

/** The state and the objects that all connections of one relay share. */
export interface ConnectionsState extends PipeMeans {
  readonly observer: Observer;
  readonly target: Target;
  /** The system calls that make the sockets to the destination; null without FFI. */
  readonly libc: Libc | null;
  /**
   * Returns whether a connection to an address of the destination would arrive at the relay's own
   * source. Null if no address of the destination can lead back to the source. Null also if the
   * destination is not a path, and one end of the relay is in another network namespace.
   */
  leadsBack: ((address: SocketAddress) => boolean) | null;
  readonly sourceIsTcp: boolean;
  /**
   * Whether other processes may have the client's socket open, too. True exactly if the relay has,
   * in place of a source, one client that was connected already (`ConnectedSource`).
   */
  readonly clientIsShared: boolean;
  readonly keepalive: number;
  readonly connectRetry: number;
  /** All open connections of the relay. */
  readonly connections: ConnectionList<Connection>;
  readonly attempts: DeadlineQueue<Attempt>;
  readonly lingering: LingeringClose;
  /**
   * Makes the record of each new connection, for the option `capture`; null if the relay has no
   * capture. A relay with a capture has no bulk reader (`bulk`), so Bun does all reads.
   */
  capture: Capture | null;
  /** The handlers for the events of every socket of every connection. */
  readonly handlers: SocketHandler<SocketOwner, "uint8array">;
  /** Reports that no descriptor was free for a socket to the destination. */
  readonly exhausted: () => void;
  /**
   * The latest time, by `performance.now()`, at which a client left without an answer while the
   * relay was full, or soon after such a client (`clientLeft` in ring-of-full-relays.ts). -Infinity
   * before the first such client.
   */
  clientLeftAt: number;
  /**
   * Returns whether the limit of open connections is reached. A connection that is ending still
   * counts until `ended` was called for it.
   */
  readonly isFull: () => boolean;
  /**
   * Watches the clients that have ended their stream, and finds the clients among them that have
   * left although the kernel reported nothing.
   */
  readonly departed: DepartedLocalClients<Connection>;
  /** Reports the end of a connection. Called after the connection has left `connections`. */
  readonly ended: (connection: Connection) => void;
  /**
   * Reports that a late socket is gone (see `lateSockets`). Called after `lateSockets` has
   * decreased.
   */
  readonly lateSocketEnded: () => void;
  /**
   * The number of late sockets. A socket is late while Bun is still connecting it although the
   * attempt to reach the destination has ended. Bun cannot cancel a connect, so a late socket keeps
   * its descriptor for some time. Always 0 with FFI, because with FFI the relay connects by its own
   * system calls.
   */
  lateSockets: number;
  /**
   * Whether the latest completed attempt could not reach the destination. An attempt that was
   * cancelled does not count.
   */
  isFailing: boolean;
}

/**
 * An attempt to reach the destination of a connection. An attempt makes one or more tries. A try
 * connects to the addresses of the destination and fails if none of them can be reached. After a
 * failed try, the attempt waits for its next try; but if the time `connectRetry` is over, or the
 * reason of the failure is permanent, the attempt fails, too.
 */
export interface Attempt extends Expiring {
  /**
   * Whether the attempt makes further tries until the time `connectRetry` is over. Becomes true
   * when a try of this attempt fails, or when `connectTimeout` is over, and time is left. True from
   * the start if other attempts already wait because a try to reach the destination has failed.
   */
  readonly retrying: boolean;
  /**
   * Tells the attempt that one of its sides has got a socket. The socket may still be connecting.
   * If the socket is already connected, the attempt succeeds.
   */
  opened(side: ConnectionSide): void;
  /**
   * Checks whether a side's connecting socket is connected; called at any event of the socket. If
   * the socket is connected, the attempt succeeds, and the socket moves to the connection's
   * destination side. If the socket could not connect, the attempt connects to the next address. If
   * there is no further address, the try has failed.
   *
   * @param proven - true if bytes arrived with the event, which proves that the socket is connected
   */
  progress(side: ConnectionSide, proven: boolean): void;
  /**
   * Tells the attempt that a side's connecting socket is closed. `code` is the code of the socket's
   * error; undefined if there was no error.
   *
   * If the code shows that the socket could not connect, the attempt connects to the next address.
   * If there is no further address, the try has failed. If there is no code, or if the code can
   * occur only on a connected socket, the destination accepted the connection and ended it at once.
   * In this case the attempt succeeds, and the connection ends as reset by the destination.
   */
  lost(side: ConnectionSide, code: string | undefined): void;
  /**
   * Handles the end of `connectTimeout`. A try that is running counts as failed. If the time
   * `connectRetry` is over, the attempt fails, too; otherwise the attempt waits for its next try.
   */
  expire(): void;
  /** Ends the attempt. From now on, it calls neither `reached` nor `unreachable`. */
  cancel(): void;
}

/**
 * One end of a connection: its socket, the pipe that reads from the socket, and the pipe that
 * writes to the socket. While the relay tries several addresses of a destination at the same time,
 * each socket has a side of its own. The first socket that is connected moves to the connection's
 * destination side.
 */
export class ConnectionSide extends Side implements LingeringSide {
  stay: Stay | null = null;
  /** The length of the PROXY header that was read from this side; 0 if there was none. */
  headerBytes = 0;

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

  /**
   * Like `failed` of `Side`. But on a TCP side, EPIPE may hide a reset (`isHiddenReset`), and
   * ECONNRESET may follow a clean end (`hasEndedBeforeReset`). Then stores the other errno.
   */
  override failed(errno: number): void {
    super.failed(this.isTcp && libc !== null ? this.#trueErrno(libc, errno) : errno);
  }

  #trueErrno(system: Libc, errno: number): number {
    if (errno === EPIPE) return isHiddenReset(system, this) ? ECONNRESET : EPIPE;
    const mayHaveEnded = errno === ECONNRESET && this.outbound.state === "ended";
    return mayHaveEnded && hasEndedBeforeReset(system, this) ? EPIPE : errno;
  }

  override shutdown(): void {
    // If the client has already ended its stream, close the client's socket instead of shutting the
    // socket down: the client sees no difference. If other processes share the socket, do not close
    // it, because a close sends no end of the stream while they have the socket open (close(2)). Do
    // not close the destination's socket either, because the relay may have to reset this socket
    // when the client leaves (`clientClosed`).
    const { client, up, shared } = this.connection;
    if (this === client && up.state === "ended" && !shared.clientIsShared) this.close();
    else super.shutdown();
  }
}

/** The object that receives the events of a socket. It is stored in the socket's `data`. */
export type SocketOwner = ConnectionSide | UnadmittedSocket;

/** One accepted client and its link to the destination. */
export class Connection implements ConnectionView, Listed {
  listIndex = -1;
  readonly client: ConnectionSide;
  readonly destination: ConnectionSide;
  /** The direction from the client to the destination. */
  readonly up: Pipe;
  /** The direction from the destination to the client. */
  readonly down: Pipe;
  readonly openedAt = performance.now();
  connectedAt: number | null = null;
  destinationAddress = "";
  /** The attempt to reach the destination; null before it begins and after it has ended. */
  attempt: Attempt | null = null;
  /**
   * The cause of the connection's end; null while no cause is known. If both sides end without a
   * cause, the connection was `finished` if no byte was dropped, otherwise `abandoned`.
   */
  ending: Ending | null = null;
  /**
   * The bytes that the relay itself sends to the destination before the bytes of the client, such
   * as a PROXY header; null if there are none, and after the destination was reached.
   */
  preface: Uint8Array | null = null;
  /**
   * The time at which the client sent its end of stream while no byte had come from the
   * destination, by `performance.now()`; Infinity if this has not happened.
   */
  clientEndedAt = Infinity;
  /**
   * Whether the client left before the destination sent a byte, and the relay must show this to the
   * destination: a TCP destination gets a reset, a Unix destination a close.
   */
  clientGone = false;
  #clientAddress: string | undefined;
  #clientPeer: Peer | null | undefined;

  constructor(
    readonly shared: ConnectionsState,
    readonly id: number,
    /** The result of the client's admission (`ClientAdmission`). */
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

/**
 * Returns whether the destination of an open connection was reached; false while the relay tries to
 * reach the destination.
 */
export function isReached({ attempt }: Connection): boolean {
  return attempt === null;
}

/**
 * Returns whether one direction or both directions of an open connection have ended; false while
 * the relay tries to reach the destination.
 */
export function isHalfClosed(connection: Connection): boolean {
  const { up, down } = connection;
  return isReached(connection) && (up.state !== "flowing" || down.state !== "flowing");
}
