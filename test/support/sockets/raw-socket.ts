import type { SocketEndpoint } from "../../../src/index.ts";
import type { Payload, Received, Sendable } from "./payload.ts";
import { type Buffers, RawDescriptor } from "./raw-descriptor.ts";
import { encodeName, familyOf, portIn } from "./socket-name.ts";
import {
  errnoName,
  FIONREAD,
  IPPROTO_TCP,
  MSG_OOB,
  must,
  POLLHUP,
  POLLIN,
  POLLOUT,
  SHUT_RD,
  SHUT_WR,
  SIOCOUTQ,
  SO_ERROR,
  SO_LINGER,
  SO_REUSEADDR,
  SOL_SOCKET,
  system,
  SystemCallError,
  TCP_NODELAY,
  type Errno,
} from "../process/system-calls.ts";
import { eventsOf, PATIENCE, turn } from "../waiting.ts";

/** How a stream came to an end: FIN or close, or the errno of a failure. */
export type StreamEnding = "end" | Errno;

/** A stream read to its end. */
export interface ReceivedAll extends Received {
  readonly ending: StreamEnding;
}

/** How a sending went: all of it, or up to a failure. */
export interface Sent {
  readonly sent: number;
  readonly failure: Errno | null;
}

const READ_MOST = 1024 * 1024;
// Shared by all: what is read is copied or hashed at once.
const scratch = new Uint8Array(READ_MOST);

// Milliseconds between two looks at a full socket.
const LOOK_AGAIN = 2;

/** A listening socket, nothing but the system's own calls. Accepts only when it is told to. */
export class RawListener extends RawDescriptor {
  /** With the port that the system chose where 0 was asked. */
  readonly endpoint: SocketEndpoint;

  /** Binds and listens; accepted sockets inherit the buffers' sizes. */
  constructor(endpoint: SocketEndpoint, backlog = 1_024, buffers: Buffers = {}) {
    super(must("socket", system.socket(familyOf(endpoint))), "listener");
    this.set(SOL_SOCKET, SO_REUSEADDR, 1);
    this.setBuffers(buffers);
    must("bind", system.bind(this.fd, encodeName(endpoint)));
    must("listen", system.listen(this.fd, backlog));
    this.endpoint =
      endpoint.kind === "tcp" ? { ...endpoint, port: portIn(system.ownName(this.fd)) } : endpoint;
  }

  /** The next client, or null where nobody waits. */
  tryAccept(): RawSocket | null {
    const fd = system.accept(this.fd);
    if (fd >= 0) return new RawSocket(fd, "destination", this.endpoint.kind === "tcp");
    if (errnoName(fd) === "EAGAIN") return null;
    throw new SystemCallError("accept", errnoName(fd));
  }

  /** The next client, waited for. */
  async accept(patience = PATIENCE): Promise<RawSocket> {
    for (;;) {
      const socket = this.tryAccept();
      if (socket !== null) return socket;
      await eventsOf(this.fd, POLLIN, "a connection at the destination", patience);
    }
  }
}

/** One end of a stream, nothing but the system's own calls and their true errno. */
export class RawSocket extends RawDescriptor {
  constructor(
    fd: number,
    label: string,
    readonly isTcp: boolean,
  ) {
    super(fd, label);
    if (isTcp) this.set(IPPROTO_TCP, TCP_NODELAY, 1);
  }

  /** A socket that is connected, or still connecting where it is TCP. */
  static dial(endpoint: SocketEndpoint, buffers: Buffers = {}): RawSocket {
    const fd = must("socket", system.socket(familyOf(endpoint)));
    const socket = new RawSocket(fd, "client", endpoint.kind === "tcp");
    socket.setBuffers(buffers);
    const result = system.connect(fd, encodeName(endpoint));
    if (result >= 0 || errnoName(result) === "EINPROGRESS") return socket;
    socket.close();
    throw new SystemCallError("connect", errnoName(result));
  }

  /** A connected socket. */
  static async connect(endpoint: SocketEndpoint, buffers: Buffers = {}): Promise<RawSocket> {
    const socket = RawSocket.dial(endpoint, buffers);
    await eventsOf(socket.fd, POLLOUT, "a connection to the relay");
    const error = system.getOption(socket.fd, SOL_SOCKET, SO_ERROR);
    if (error === 0) return socket;
    socket.close();
    throw new SystemCallError("connect", errnoName(-error));
  }

  /** The own port, also of a socket that was reset; 0 of a Unix socket. */
  get ownPort(): number {
    return this.isTcp ? portIn(system.ownName(this.fd)) : 0;
  }

  /** The own port, and the peer's; 0 of a Unix socket. */
  get ports(): { readonly own: number; readonly peer: number } {
    if (!this.isTcp) return { own: 0, peer: 0 };
    return { own: portIn(system.ownName(this.fd)), peer: portIn(system.peerName(this.fd)) };
  }

  /** Bytes that have arrived and are not read. */
  get unread(): number {
    return must("FIONREAD", system.count(this.fd, FIONREAD));
  }

  /** Bytes sent that the peer's kernel has not got; of a Unix socket the memory that they take. */
  get unsent(): number {
    return must("SIOCOUTQ", system.count(this.fd, SIOCOUTQ));
  }

  /** One send(2): how many bytes the kernel took, or why it took none. */
  trySend(bytes: Uint8Array): number | Errno {
    if (!this.isOpen) return "EBADF";
    const result = system.send(this.fd, bytes);
    return result < 0 ? errnoName(result) : result;
  }

  /** One recv(2). The bytes are good until the next recv(2) of any socket. */
  tryReceive(most = READ_MOST): Uint8Array | "end" | Errno {
    if (!this.isOpen) return "EBADF";
    const result = system.receive(this.fd, scratch, Math.min(most, READ_MOST));
    if (result < 0) return errnoName(result);
    return result === 0 ? "end" : scratch.subarray(0, result);
  }

  /** As `tryReceive`, waited for; the bytes are the caller's. */
  async receive(most = READ_MOST, patience = PATIENCE): Promise<Uint8Array | StreamEnding> {
    for (;;) {
      const received = this.tryReceive(most);
      // Copied before anything is awaited, when another socket could use the buffer.
      if (typeof received !== "string") return received.slice();
      if (received !== "EAGAIN") return received;
      await this.#readable(patience);
    }
  }

  /** Sends all of it. @throws {SystemCallError} with what stopped it. */
  async send(payload: Sendable): Promise<void> {
    const { failure } = await this.pour(payload);
    if (failure !== null) throw new SystemCallError(`send of the ${this.label}`, failure);
  }

  /** Sends all from `offset` on, or up to a failure. */
  async pour(payload: Sendable, offset = 0, patience = PATIENCE): Promise<Sent> {
    let at = offset;
    while (at < payload.length) {
      const result = this.trySend(payload.piece(at));
      if (result === "EAGAIN") {
        await eventsOf(this.fd, POLLOUT, `the ${this.label} to be writable`, patience);
      } else if (typeof result === "string") {
        return { sent: at - offset, failure: result };
      } else {
        at += result;
        // The relay that is to read it may share this thread.
        await turn();
      }
    }
    return { sent: at - offset, failure: null };
  }

  /** Sends one urgent byte, which is no part of the stream. */
  sendUrgent(): void {
    must(`urgent send of the ${this.label}`, system.send(this.fd, new Uint8Array(1), MSG_OOB));
  }

  /** Sends all of it in one call, before anybody else in this thread can do anything. */
  sendAtOnce(payload: Payload): void {
    const result = this.trySend(payload.bytes);
    if (result !== payload.length)
      throw new Error(`send of the ${this.label} took ${result} of ${payload.length} bytes`);
  }

  /** Sends until the kernel takes no more for `still` milliseconds: how many bytes that were. */
  async fill(payload: Sendable, still = 300): Promise<number> {
    let at = 0;
    // Counted in looks, not in time: before each look the relay has had its turn, even if it shares
    // this thread with tests that keep the thread busy.
    for (let looks = 0; looks < still / LOOK_AGAIN;) {
      const result = this.trySend(payload.piece(at));
      if (typeof result === "number") {
        at += result;
        looks = 0;
        if (at === payload.length)
          throw new Error(`the ${this.label} could send ${at} bytes that nobody reads`);
        // The relay that is to read it may share this thread.
        await turn();
      } else if (result === "EAGAIN") {
        looks += 1;
        // A Unix socket has room long before poll(2) says so.
        await Bun.sleep(LOOK_AGAIN);
      } else {
        throw new SystemCallError(`send of the ${this.label}`, result);
      }
    }
    return at;
  }

  /** Reads exactly so many bytes. @throws where the stream ends before. */
  async read(length: number): Promise<Received> {
    const { ending, ...received } = await this.#readUpTo(length, PATIENCE);
    if (ending === null) return received;
    throw new Error(`the ${this.label} got ${ending} after ${received.length} of ${length} bytes`);
  }

  /** Reads whatever comes until the stream ends, well or not. */
  async readToEnd(patience = PATIENCE): Promise<ReceivedAll> {
    const { ending, ...received } = await this.#readUpTo(Infinity, patience);
    return { ...received, ending: ending ?? "end" };
  }

  async #readUpTo(most: number, patience: number) {
    const hash = new Bun.CryptoHasher("sha256");
    let length = 0;
    let ending: StreamEnding | null = null;
    while (length < most && ending === null) {
      const received = this.tryReceive(most - length);
      if (received === "EAGAIN") {
        await this.#readable(patience);
      } else if (typeof received === "string") {
        ending = received;
      } else {
        hash.update(received);
        length += received.length;
        // The relay that is to send the rest may share this thread.
        await turn();
      }
    }
    return { length, sha256: hash.digest("hex"), ending };
  }

  #readable(patience: number): Promise<number> {
    return eventsOf(this.fd, POLLIN, `bytes or an end at the ${this.label}`, patience);
  }

  /** Settles when bytes have arrived, without reading them. */
  async arrival(): Promise<void> {
    await eventsOf(this.fd, POLLIN, `bytes at the ${this.label}`);
  }

  /** Settles when the peer has closed both directions. */
  async hangUp(patience = PATIENCE): Promise<void> {
    // POLLHUP needs no asking for, and other events would wake at once (poll(2)).
    await eventsOf(this.fd, 0, `the peer of the ${this.label} to close`, patience);
  }

  /** Whether the peer has closed both directions. */
  get isHungUp(): boolean {
    return ((system.poll([{ fd: this.fd, events: 0 }], 0)[0] ?? 0) & POLLHUP) !== 0;
  }

  /** FIN: nothing more will be sent. shutdown(2) */
  halfClose(): void {
    must("shutdown", system.shutdown(this.fd, SHUT_WR));
  }

  /**
   * Reads no more. Of a Unix socket the peer's writes then fail; TCP says nothing of it.
   * shutdown(2)
   */
  shutReading(): void {
    must("shutdown", system.shutdown(this.fd, SHUT_RD));
  }

  /** As `halfClose`, of a socket that may have been reset, or closed here. */
  tryHalfClose(): void {
    if (this.isOpen) system.shutdown(this.fd, SHUT_WR);
  }

  /** Closes with a reset (TCP): SO_LINGER of zero seconds and close(2). */
  reset(): void {
    this.set(SOL_SOCKET, SO_LINGER, 1, 0);
    this.close();
  }
}
