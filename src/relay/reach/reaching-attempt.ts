import {
  type Attempt,
  type Connection,
  type ConnectionSide,
  reached,
  reachedAndReset,
  settle,
  unreachable,
} from "../connection/connection.ts";
import { INT_MOST } from "../../os/int-most.ts";
import { type AddressFailure, failureOf } from "./failure.ts";
import type { Hindrance, Waiter, WaitingLine } from "./waiting-line.ts";

// What a service that is only starting answers: nothing listens, no such file, no such name yet.
const RETRIED: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOENT",
  "ENOTFOUND",
  "ETIMEDOUT",
]);

// What a socket meets only once it is connected: before that a reset is ECONNREFUSED (Linux,
// tcp_reset()).
const AFTER_CONNECTION: ReadonlySet<string> = new Set(["ECONNRESET", "EPIPE"]);

const NO_ANSWER: Hindrance = { failures: [{ address: "", code: "ETIMEDOUT" }], kind: "refused" };

/** Whether a failure of a connecting socket says that it was connected before. */
export function comesAfterConnection(code: string): boolean {
  return AFTER_CONNECTION.has(code);
}

/**
 * What the two ways to reach a destination share: their time, their place in line and how they end.
 *
 * `--connect-timeout` counts from the start of a try, or of the wait for what is lacking. Where
 * `--connect-retry` leaves time after that, or after a refusal, the attempt is `retrying`: it waits in
 * line for as long as that time lasts, and each of its tries has `--connect-timeout` again.
 */
export abstract class ReachingAttempt implements Attempt, Waiter {
  retrying = false;
  /** Set while `retrying`, and until the last try. */
  #retryTimer: Timer | undefined;
  #isLastTry = false;

  constructor(
    readonly connection: Connection,
    readonly line: WaitingLine,
  ) {}

  /** Whether the attempt still goes on; events of a try given up come late. */
  protected get live(): boolean {
    return this.connection.attempt === this;
  }

  /** Begins a try, which ends in `succeed`, `fail` or `lack`. */
  protected abstract try(): void;

  /** The failures of a try whose time is up. */
  protected abstract unanswered(): readonly AddressFailure[];

  /** An address was not reached; others may follow. */
  protected abstract failed(side: ConnectionSide, code: string): void;

  /** Closes every socket but the winner's, if there is one; the closed ones' events reach nobody. */
  protected abstract dropAllBut(winner: ConnectionSide | null): void;

  /** The address that this side's socket was to reach. */
  protected abstract addressOf(side: ConnectionSide): string;

  abstract opened(side: ConnectionSide): void;
  abstract progress(side: ConnectionSide, proven: boolean): void;

  /** Tries the destination, or waits behind those who wait already. */
  start(): void {
    const { attempts } = this.connection.shared;
    attempts.add(this);
    if (this.line.isEmpty) return this.try();
    this.line.wait(this);
    if (this.line.hindrance?.kind === "refused") this.#retry();
  }

  tryAgain(): void {
    if (this.retrying) this.connection.shared.attempts.add(this);
    this.try();
  }

  lost(side: ConnectionSide, code: string | undefined): void {
    if (!this.live) return;
    if (code !== undefined && !comesAfterConnection(code)) return this.failed(side, code);
    this.#enter(side);
    this.dropAllBut(null);
    reachedAndReset(this.connection);
  }

  expire(): void {
    if (!this.line.has(this) || this.line.isTrying(this)) return this.fail(this.unanswered());
    if (this.#retryTime() > 0) this.#retry();
    else this.#giveUp(this.line.hindrance ?? NO_ANSWER);
  }

  cancel(): void {
    const { attempts } = this.connection.shared;
    clearTimeout(this.#retryTimer);
    attempts.delete(this);
    this.line.leave(this);
    this.dropAllBut(null);
  }

  /** The socket of this side is connected, and the destination's from now on. */
  protected succeed(side: ConnectionSide): void {
    this.#enter(side);
    this.dropAllBut(side);
    const { destination } = this.connection;
    if (side !== destination) passSocket(side, destination);
    reached(this.connection);
  }

  /** No address was reached for want of something that may be there later. */
  protected lack(failures: readonly AddressFailure[]): void {
    const { attempts } = this.connection.shared;
    if (this.retrying) attempts.delete(this);
    this.line.stay(this, { failures, kind: "lacking" });
  }

  /** No address was reached. */
  protected fail(failures: readonly AddressFailure[]): void {
    if (!this.live) return;
    const { attempts } = this.connection.shared;
    const hindrance: Hindrance = { failures, kind: "refused" };
    const isRetried = failures.some(({ code }) => RETRIED.has(code));
    if (!isRetried || this.#retryTime() <= 0) return this.#giveUp(hindrance);
    this.dropAllBut(null);
    this.#retry();
    attempts.delete(this);
    if (this.live) this.line.stay(this, hindrance);
  }

  /** The time of the retries is up: one last try, past the line, unless one goes on. */
  tryLast(): void {
    this.#isLastTry = true;
    if (!this.line.has(this) || this.line.isTrying(this)) return;
    this.line.leave(this);
    this.tryAgain();
  }

  #enter(side: ConnectionSide): void {
    const { attempts } = this.connection.shared;
    this.connection.destinationAddress = this.addressOf(side);
    if (this.#retryTimer !== undefined) clearTimeout(this.#retryTimer);
    attempts.delete(this);
    this.line.enter(this);
  }

  #giveUp({ failures, kind }: Hindrance): void {
    this.cancel();
    const { target } = this.connection.shared;
    unreachable(this.connection, failureOf(target, failures, kind === "lacking"));
  }

  /** Milliseconds that are left for retries. */
  #retryTime(): number {
    const { shared, openedAt } = this.connection;
    return this.#isLastTry ? 0 : openedAt + shared.connectRetry - performance.now();
  }

  #retry(): void {
    if (this.retrying) return;
    this.retrying = true;
    this.connection.shared.attempts.delete(this);
    this.#retryTimer = setTimeout(tryLast, Math.min(this.#retryTime(), INT_MOST), this);
    settle(this.connection);
  }
}

/** Lets a side have another one's socket, and what that one has learned of it. */
function passSocket(from: ConnectionSide, to: ConnectionSide): void {
  const { socket, errno } = from;
  if (socket === null) return;
  from.detach();
  socket.data = to;
  to.attach(socket);
  if (errno !== 0) to.failed(errno);
}

function tryLast(attempt: ReachingAttempt): void {
  attempt.tryLast();
}
