import type { Attempt, Connection, ConnectionSide } from "../connection/connection.ts";
import { reached, reachedAndReset, unreachable } from "../connection/destination-reached.ts";
import type { Deadline } from "../connection/deadline-queue.ts";
import { settle } from "../connection/settle-connection.ts";
import { INT_MAX } from "../../os/int-max.ts";
import { type AddressFailure, describeFailure } from "./describe-failure.ts";
import type { FailedTry, Waiter, WaitingLine } from "./waiting-line.ts";

// The codes of failures that can occur while a service is still starting, for example because
// nobody listens, the socket file does not exist, or the host name does not resolve yet.
const RETRIED: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOENT",
  "ENOTFOUND",
  "ETIMEDOUT",
]);

// These errors occur only on a connected socket. If the peer resets a socket that is still
// connecting, the error is ECONNREFUSED (Linux, tcp_reset()).
const AFTER_CONNECTION: ReadonlySet<string> = new Set(["ECONNRESET", "EPIPE"]);

const TIMED_OUT: FailedTry = { failures: [{ address: "", code: "ETIMEDOUT" }], kind: "refused" };

/**
 * Whether a failure code proves that the connect to the address had already succeeded when the
 * failure occurred.
 */
export function comesAfterConnection(code: string): boolean {
  return AFTER_CONNECTION.has(code);
}

/**
 * The common part of `StaggeredConnects` and `BunAttempt`, the two ways to reach a destination: the
 * time limits, the wait in the `WaitingLine`, and the report of the result. An attempt consists of
 * one or more tries.
 *
 * `--connect-timeout` limits the time from the start of the attempt. This time includes the wait
 * for the end of a temporary shortage. If a try is refused or this limit is reached, the attempt
 * ends with an error, unless retry time (`--connect-retry`) is left. With retry time left, the
 * attempt becomes `retrying`: it waits in line and tries again until the retry time ends, and each
 * try has its own `--connect-timeout`.
 */
export abstract class AttemptWithRetries implements Attempt, Waiter {
  deadline: Deadline | null = null;
  retrying = false;
  /**
   * The timer that calls `tryLast` when the retry time (`--connect-retry`) ends. Undefined until
   * `retrying` becomes true.
   */
  #retryTimer: Timer | undefined;
  #isLastTry = false;

  constructor(
    readonly connection: Connection,
    readonly line: WaitingLine,
  ) {}

  /** Whether the attempt is still active; late events of an abandoned try must be ignored. */
  protected get live(): boolean {
    return this.connection.attempt === this;
  }

  /** Begins a try. The try ends with a call of `succeed`, `fail` or `waitOutShortage`. */
  protected abstract try(): void;

  /**
   * Returns the failures of a try that has timed out: the failures that have occurred, and a
   * timeout for each address (or for the resolver) that has not answered.
   */
  protected abstract unanswered(): readonly AddressFailure[];

  /**
   * Handles the failure of the connect to one address. `code` is the system's code. The try may go
   * on with other addresses.
   */
  protected abstract failed(side: ConnectionSide, code: string): void;

  /**
   * Closes the sockets of all sides of this attempt except `winner`; null closes all sockets. Later
   * events of the closed sockets are ignored.
   */
  protected abstract dropAllBut(winner: ConnectionSide | null): void;

  /** Returns the address to which this side's socket connects. */
  protected abstract addressOf(side: ConnectionSide): string;

  abstract opened(side: ConnectionSide): void;
  abstract progress(side: ConnectionSide, proven: boolean): void;

  /**
   * Tries the destination at once. If other attempts already wait in line, joins the end of the
   * line instead.
   */
  start(): void {
    const { attempts } = this.connection.shared;
    if (this.line.isEmpty) {
      this.try();
      // Set the time limit of the attempt (`--connect-timeout`) only after the first try, because
      // most tries succeed at once and need no limit. If the attempt is `retrying` by now, each
      // further try sets its own limit.
      if (this.live && !this.retrying) attempts.add(this);
      return;
    }
    attempts.add(this);
    this.line.join(this);
    if (this.line.lastFailure?.kind === "refused") this.#retry();
  }

  tryAgain(): void {
    if (this.retrying) this.connection.shared.attempts.add(this);
    this.try();
  }

  lost(side: ConnectionSide, code: string | undefined): void {
    if (!this.live) return;
    if (code !== undefined && !comesAfterConnection(code)) return this.failed(side, code);
    this.#noteReached(side);
    this.dropAllBut(null);
    reachedAndReset(this.connection);
  }

  expire(): void {
    if (!this.line.has(this) || this.line.isTrying(this)) return this.fail(this.unanswered());
    if (this.#retryTime() > 0) this.#retry();
    else this.#giveUp(this.line.lastFailure ?? TIMED_OUT);
  }

  cancel(): void {
    const { attempts } = this.connection.shared;
    clearTimeout(this.#retryTimer);
    attempts.delete(this);
    this.line.leave(this);
    this.dropAllBut(null);
  }

  /**
   * Ends the attempt with success: the connected socket of `side` becomes the socket of the
   * destination.
   */
  protected succeed(side: ConnectionSide): void {
    this.#noteReached(side);
    this.dropAllBut(side);
    const { destination } = this.connection;
    if (side !== destination) passSocket(side, destination);
    reached(this.connection);
  }

  /**
   * Ends a try that reached no address because of a temporary shortage. Waits in line until the
   * shortage ends; but after the last try, ends the attempt with an error, because no timer would
   * end this wait.
   */
  protected waitOutShortage(failures: readonly AddressFailure[]): void {
    const { attempts } = this.connection.shared;
    const failure: FailedTry = { failures, kind: "shortage" };
    if (this.#isLastTry) return this.#giveUp(failure);
    if (this.retrying) attempts.delete(this);
    this.line.waitOn(this, failure);
  }

  /**
   * Ends a try that reached no address. If the failure may be temporary and retry time is left,
   * waits in line for the next try; otherwise ends the attempt with an error.
   */
  protected fail(failures: readonly AddressFailure[]): void {
    if (!this.live) return;
    const { attempts } = this.connection.shared;
    const failure: FailedTry = { failures, kind: "refused" };
    const isRetried = failures.some(({ code }) => RETRIED.has(code));
    if (!isRetried || this.#retryTime() <= 0) return this.#giveUp(failure);
    this.dropAllBut(null);
    this.#retry();
    attempts.delete(this);
    if (this.live) this.line.waitOn(this, failure);
  }

  /**
   * Makes one last try at once, without waiting in line. If a try is already running, that try is
   * the last one. Called when the retry time has ended.
   */
  tryLast(): void {
    this.#isLastTry = true;
    if (!this.line.has(this) || this.line.isTrying(this)) return;
    this.line.leave(this);
    this.tryAgain();
  }

  #noteReached(side: ConnectionSide): void {
    const { attempts } = this.connection.shared;
    this.connection.destinationAddress = this.addressOf(side);
    if (this.#retryTimer !== undefined) clearTimeout(this.#retryTimer);
    attempts.delete(this);
    this.line.succeeded(this);
  }

  #giveUp({ failures, kind }: FailedTry): void {
    this.cancel();
    const { target } = this.connection.shared;
    unreachable(this.connection, describeFailure(target, failures, kind === "shortage"));
  }

  /** The remaining retry time in milliseconds; 0 or less if there is none. */
  #retryTime(): number {
    const { shared, openedAt } = this.connection;
    return this.#isLastTry ? 0 : openedAt + shared.connectRetry - performance.now();
  }

  #retry(): void {
    if (this.retrying) return;
    this.retrying = true;
    this.connection.shared.attempts.delete(this);
    this.#retryTimer = setTimeout(tryLast, Math.min(this.#retryTime(), INT_MAX), this);
    settle(this.connection);
  }
}

/** Moves a socket from one side to another, and with it the errno of a failure (`Side.errno`). */
function passSocket(from: ConnectionSide, to: ConnectionSide): void {
  const { socket, errno } = from;
  if (socket === null) return;
  from.detach();
  socket.data = to;
  to.attach(socket);
  if (errno !== 0) to.failed(errno);
}

function tryLast(attempt: AttemptWithRetries): void {
  attempt.tryLast();
}
