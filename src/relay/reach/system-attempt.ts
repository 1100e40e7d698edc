import {
  EAGAIN,
  ECONNREFUSED,
  EINPROGRESS,
  EMFILE,
  ENFILE,
  errnoCode,
  errorCode,
} from "../../os/errno.ts";
import { type Libc, SO_ERROR, SOCK_STREAM, SOL_SOCKET } from "../../os/libc.ts";
import type { SocketAddress } from "../../address/socket-address.ts";
import { PAUSE_LAST, ReachingAttempt } from "./retrying-attempt.ts";
import type { Connection } from "../connection/connection.ts";

// Filled anew at each use.
const NAME = new Uint8Array(28);

/**
 * Connects by the system's own call and hands the descriptor to Bun. Bun's own connect loses what a
 * Unix destination answers before it closes at once, calls most failures ECONNREFUSED and cannot be
 * given up (oven-sh/bun pull 37093; issue 41800 and those it names).
 */
export class SystemAttempt extends ReachingAttempt {
  #addresses: readonly SocketAddress[] = [];
  #next = 0;
  #code = "ENOTFOUND";
  #pending = false;
  /** Counts the tries from the start: names that were asked for earlier come too late. */
  #start = 0;

  constructor(
    connection: Connection,
    readonly system: Libc,
  ) {
    super(connection);
  }

  start(): void {
    const start = (this.#start += 1);
    const addresses = this.connection.shared.target.addresses();
    if ("then" in addresses) {
      addresses.then(
        (found) => start === this.#start && this.#try(found),
        (error: unknown) => start === this.#start && this.fail(errorCode(error)),
      );
    } else {
      this.#try(addresses);
    }
  }

  opened(): void {
    if (this.#pending) this.progress(false);
    else this.#connected();
  }

  progress(proven: boolean): void {
    if (proven) return this.#connected();
    const { destination } = this.connection;
    // Not by a second connect(2): of a connection that was reset since, it would report the reset
    // and throw away what had arrived.
    if (this.system.peerName(destination.fd, NAME) >= 0) return this.#connected();
    const errno = this.system.getOption(destination.fd, SOL_SOCKET, SO_ERROR);
    if (errno === 0) return;
    if (this.system.unread(destination.fd) === 0) return this.lost(errnoCode(errno));
    destination.failed(errno);
    this.succeed();
  }

  #connected(): void {
    if (this.#isItself()) this.lost(errnoCode(ECONNREFUSED));
    else this.succeed();
  }

  /**
   * Where nobody listens on a loopback port of the kind that clients get, a socket may get that very
   * port and then be connected to itself, by TCP's simultaneous open (RFC 9293 3.5).
   */
  #isItself(): boolean {
    const { destination } = this.connection;
    const address = this.#addresses[this.#next];
    if (!destination.isTcp || address === undefined) return false;
    const length = this.system.name(destination.fd, NAME);
    return length > 0 && address.bytes.every((byte, index) => byte === NAME[index]);
  }

  lost(code: string): void {
    this.drop();
    this.#code = code;
    this.#next += 1;
    this.#tryNext();
  }

  #try(addresses: readonly SocketAddress[]): void {
    if (!this.live) return;
    this.#addresses = addresses;
    this.#next = 0;
    this.#tryNext();
  }

  #tryNext(): void {
    for (; this.#next < this.#addresses.length; this.#next += 1) {
      const address = this.#addresses[this.#next] as SocketAddress;
      const result = this.#dial(address);
      if (result === 0) return;
      if (this.#passes(result)) return this.later((attempt) => attempt.#tryNext(), PAUSE_LAST);
      this.#code = errnoCode(result);
    }
    this.fail(this.#code);
  }

  /** Whether waiting may help: the destination's queue is full, or there is no descriptor left. */
  #passes(errno: number): boolean {
    this.waitsFor = "ETIMEDOUT";
    if (errno !== -EAGAIN && errno !== -EMFILE && errno !== -ENFILE) return false;
    this.waitsFor = errnoCode(errno);
    if (errno !== -EAGAIN) this.connection.shared.exhausted(this.waitsFor);
    return true;
  }

  /** 0 where a socket is connected or connecting and now Bun's, else a negative errno. */
  #dial(address: SocketAddress): number {
    const { system, connection } = this;
    const fd = system.socket(address.family, SOCK_STREAM);
    if (fd < 0) return fd;
    const result = system.connect(fd, address.bytes);
    if (result < 0 && result !== -EINPROGRESS) {
      system.close(fd);
      return result;
    }
    this.#pending = result < 0;
    const { handlers } = connection.shared;
    Bun.connect({
      fd,
      allowHalfOpen: true,
      data: connection.destination,
      socket: handlers,
    }).catch((error: unknown) => this.fail(errorCode(error)));
    return 0;
  }
}
