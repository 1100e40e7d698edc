import type { Attempt, Connection } from "./connection.ts";
import { reached, settle, unreachable } from "./connection.ts";
import type { Failure } from "./observer.ts";
import {
  EAGAIN,
  EALREADY,
  ECONNREFUSED,
  EINPROGRESS,
  EISCONN,
  EMFILE,
  ENFILE,
  errnoCode,
  errnoWords,
  errorCode,
} from "../os/errno.ts";
import { type Libc, libc, SOCK_STREAM } from "../os/libc.ts";
import type { SocketAddress } from "../os/socket-address.ts";

// Pauses between tries at a Unix destination whose queue is full, in milliseconds.
const PAUSE_FIRST = 1;
const PAUSE_LAST = 50;

// Tries of a destination that refuses or is absent grow apart up to this, in milliseconds.
const RETRY_LAST = 1_000;

// What a service that is only starting answers: nothing listens, no such file, no such name yet.
const RETRIED: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOENT",
  "ENOTFOUND",
  "ETIMEDOUT",
]);

// How long Bun's own connect is tried again where it says ECONNREFUSED of a Unix destination: it
// says so of a full queue, too (oven-sh/bun pull 37093).
const PLAIN_RETRY = 1_000;

/** Starts to reach the destination of a connection; it ends in `reached` or `unreachable`. */
export function reach(connection: Connection): void {
  const attempt: Attempt & { start(): void } =
    libc === null ? new PlainAttempt(connection) : new TrueAttempt(connection, libc);
  connection.attempt = attempt;
  connection.shared.attempts.add(attempt);
  attempt.start();
}

abstract class AttemptBase implements Attempt {
  retrying = false;
  #timer: Timer | undefined;
  #pause = PAUSE_FIRST;

  constructor(readonly connection: Connection) {}

  /** Whether the attempt still goes on; events of a try given up come late. */
  protected get live(): boolean {
    return this.connection.attempt === this;
  }

  abstract start(): void;
  abstract opened(): void;
  abstract progress(): void;
  abstract lost(code: string): void;

  /** What the try waits for when its time is up. */
  protected waitsFor = "ETIMEDOUT";

  expire(): void {
    this.fail(this.waitsFor);
  }

  cancel(): void {
    clearTimeout(this.#timer);
    this.connection.shared.attempts.delete(this);
    this.drop();
  }

  /** Closes the socket of a try that is given up; its events reach nobody any more. */
  protected drop(): void {
    const { socket } = this.connection.destination;
    this.connection.destination.detach();
    socket?.terminate();
  }

  protected succeed(): void {
    this.connection.shared.attempts.delete(this);
    reached(this.connection);
  }

  protected fail(code: string): void {
    if (!this.live) return;
    this.cancel();
    const { shared, openedAt } = this.connection;
    const left = openedAt + shared.connectRetry - performance.now();
    if (left <= 0 || !RETRIED.has(code)) {
      unreachable(this.connection, failure(shared.target.text, code));
      return;
    }
    this.retrying = true;
    settle(this.connection);
    if (this.live) this.later(startAgain, Math.min(RETRY_LAST, left));
  }

  /**
   * Calls `again` after a pause that doubles each time up to `most` milliseconds, with jitter so
   * that many spread out.
   */
  protected later(again: (attempt: this) => void, most: number): void {
    this.#timer = setTimeout(again, Math.min(this.#pause, most) * (0.5 + Math.random() / 2), this);
    this.#pause = Math.min(2 * this.#pause, most);
  }

  /** One more try from the start, with its own time. */
  again(): void {
    this.connection.shared.attempts.add(this);
    this.start();
  }
}

// Filled anew at each use.
const OWN_NAME = new Uint8Array(28);

function startAgain(attempt: AttemptBase): void {
  attempt.again();
}

/**
 * Connects by the system's own call and hands the descriptor to Bun. Bun's own connect loses what a
 * Unix destination answers before it closes at once, calls most failures ECONNREFUSED and cannot be
 * given up (oven-sh/bun pull 37093; issue 41800 and those it names).
 */
class TrueAttempt extends AttemptBase {
  #addresses: readonly SocketAddress[] = [];
  #next = 0;
  #code = "ENOTFOUND";
  #pending = false;

  constructor(
    connection: Connection,
    readonly system: Libc,
  ) {
    super(connection);
  }

  start(): void {
    const addresses = this.connection.shared.target.addresses();
    if ("then" in addresses) {
      addresses.then(
        (found) => this.#try(found),
        (error: unknown) => this.fail(errorCode(error)),
      );
    } else {
      this.#try(addresses);
    }
  }

  opened(): void {
    if (this.#pending) this.progress();
    else this.#connected();
  }

  progress(): void {
    const address = this.#addresses[this.#next];
    if (address === undefined) return;
    const { fd } = this.connection.destination;
    // Bytes prove a connection, and one that was reset since must not be asked: connect(2) would
    // report the reset and throw them away.
    if (this.system.unread(fd) > 0) return this.succeed();
    // A second connect(2) tells of the first: 0 or EISCONN once there is a connection.
    const result = this.system.connect(fd, address.bytes);
    if (result >= 0 || result === -EISCONN) this.#connected();
    else if (result !== -EALREADY && result !== -EINPROGRESS) this.lost(errnoCode(result));
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
    const length = this.system.name(destination.fd, OWN_NAME);
    return length > 0 && address.bytes.every((byte, index) => byte === OWN_NAME[index]);
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

/** Connects by Bun alone, where the system's calls are not to be had. */
class PlainAttempt extends AttemptBase {
  start(): void {
    const { target, handlers } = this.connection.shared;
    const { endpoint } = target;
    const common = { allowHalfOpen: true, data: this.connection.destination, socket: handlers };
    const connecting =
      endpoint.kind === "tcp"
        ? Bun.connect({ ...common, hostname: endpoint.host || "localhost", port: endpoint.port })
        : Bun.connect({
            ...common,
            unix: endpoint.kind === "unix" ? endpoint.path : `\0${endpoint.name}`,
          });
    connecting.catch((error: unknown) => this.lost(errorCode(error)));
  }

  opened(): void {
    this.succeed();
  }

  progress(): void {
    // Bun opens a socket only once it is connected: there is no news before that.
  }

  lost(code: string): void {
    if (!this.live) return;
    const { target } = this.connection.shared;
    const waited = performance.now() - this.connection.openedAt;
    const perhapsBusy = !target.isTcp && code === errnoCode(ECONNREFUSED) && waited < PLAIN_RETRY;
    if (perhapsBusy) this.later((attempt) => attempt.start(), PAUSE_LAST);
    else this.fail(code);
  }
}

function failure(address: string, code: string): Failure {
  return { code, message: `cannot reach ${address}: ${WORDS[code] ?? errnoWords(code)} (${code})` };
}

const WORDS: Readonly<Record<string, string>> = {
  ETIMEDOUT: "no answer in time",
  EAGAIN: "its queue of clients stayed full",
};
