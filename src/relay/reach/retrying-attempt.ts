import { errnoWords } from "../../os/errno.ts";
import {
  type Attempt,
  type Connection,
  reached,
  settle,
  unreachable,
} from "../connection/connection.ts";
import type { Failure } from "../observer.ts";

// Pauses between tries at a Unix destination whose queue is full, in milliseconds.
const PAUSE_FIRST = 1;
export const PAUSE_LAST = 50;

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

/** What the two ways to reach a destination share: their time, their pauses and how they end. */
export abstract class ReachingAttempt implements Attempt {
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
  abstract progress(proven: boolean): void;
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

function startAgain(attempt: ReachingAttempt): void {
  attempt.again();
}

function failure(address: string, code: string): Failure {
  return { code, message: `cannot reach ${address}: ${WORDS[code] ?? errnoWords(code)} (${code})` };
}

const WORDS: Readonly<Record<string, string>> = {
  ETIMEDOUT: "no answer in time",
  EAGAIN: "its queue of clients stayed full",
};
