import { type Deadline, DeadlineQueue, type Expiring } from "./deadline-queue.ts";
import type { Side } from "../stream/side.ts";

/**
 * The way in which the relay ends a lingering side: `reset` tells the side that the connection has
 * failed, `close` tells the side that the connection has ended cleanly.
 */
export type Outcome = "reset" | "close";

/** A side that can linger: its socket stays open after the other side of its connection is gone. */
export interface LingeringSide extends Side {
  /** The number of bytes that the relay still has to write to this side. */
  readonly pending: number;
  /**
   * The record of this side's lingering; null while the side does not linger. Only `LingeringClose`
   * changes this property.
   */
  stay: Stay | null;
}

/** The times of `LingeringClose`, in milliseconds. */
export interface LingeringTimes {
  /** The time within which a side may close by itself after it has taken all bytes. */
  readonly farewell: number;
  /**
   * The maximum time for which a side with the outcome `reset` may take no bytes. After this time
   * the relay resets the side at once, and the bytes that the side has not taken are lost.
   */
  readonly standstill: number;
}

/** The record of one side's lingering: what to do at the end, and the results of the checks. */
export interface Stay extends Expiring {
  readonly side: LingeringSide;
  readonly outcome: Outcome;
  /**
   * The number of bytes that the side had not taken at the last check; Infinity before the first
   * check.
   */
  untaken: number;
  /**
   * The number of checks without progress: the side had taken no further byte. The higher the
   * number, the longer the pause before the next check (`pauseOf`). A check with progress reduces
   * the number by `LOOKS_A_PAUSE`, but not below 0.
   */
  looks: number;
  /**
   * The time for which the side has taken no byte, in milliseconds: the sum of the pauses between
   * the checks. A clock would also count the time in which the process stood still.
   */
  stood: number;
}

// The first pause before the relay checks how many bytes a side has taken, in milliseconds. The
// pause doubles after every `LOOKS_A_PAUSE` checks without progress (`Stay.looks`). So the longer a
// side takes no byte, the more rarely the relay checks it.
const FIRST_PAUSE = 50;
const LOOKS_A_PAUSE = 4;
const PAUSES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((power) => FIRST_PAUSE * 2 ** power);
// The index in `PAUSES` of the longest pause, for each outcome. The pauses before a close may be
// longer than the pauses before a reset: a late close costs only a descriptor, but a late reset
// keeps the peer waiting.
const LONGEST: Readonly<Record<Outcome, number>> = { close: PAUSES.length - 1, reset: 6 };

/**
 * Lets sides linger. A side lingers after the other side of its connection is gone. No more bytes
 * will come for the remaining side, but it must still get the bytes that were written to it. A
 * reset would make the kernel drop these bytes, and so would a close while bytes from the side are
 * unread (tcp(7); RFC 1122 4.2.2.13). So the socket stays open, and the relay reads and drops the
 * bytes that the side sends.
 *
 * - Outcome `close`: the relay waits without a limit until the side has taken all bytes. Then the
 *   relay gives the side the time `farewell` to close by itself, and after that closes the socket.
 * - Outcome `reset`: the relay resets the side when the side has taken all bytes, or has taken no
 *   byte for `standstill`.
 *
 * A Unix side has taken the bytes that its socket has accepted. A TCP side has taken the bytes that
 * the kernel at the remote end has acknowledged. The number of acknowledged bytes grows in steps: a
 * Linux receiver whose window is closed opens the window again only when a sixteenth of its buffer
 * is free (__tcp_select_window()). If the buffer has 6 MiB and the receiver reads 5 kB/s, a step
 * takes over a minute. No event reports a step, so the relay checks the number periodically.
 */
export class LingeringClose {
  /** See `LingeringTimes`. */
  readonly farewell: number;
  /** The sides that wait for the next check, one queue for each pause of `PAUSES`. */
  readonly #looks: readonly DeadlineQueue<Stay>[];
  readonly #farewells: DeadlineQueue<Stay>;
  readonly #standstill: number;

  constructor({ farewell, standstill }: LingeringTimes) {
    this.farewell = farewell;
    this.#standstill = standstill;
    const look = (stay: Stay) => this.#look(stay);
    this.#looks = PAUSES.map((pause) => new DeadlineQueue(pause, look, "expire"));
    this.#farewells = new DeadlineQueue(farewell, ({ side }) => side.close());
  }

  /** Lets a side linger. If the side already lingers, nothing changes. */
  add(side: LingeringSide, outcome: Outcome): void {
    if (side.stay !== null) return;
    if (outcome === "reset" && pendingBytes(side, side.unsent()) === 0) return side.terminate();
    // `untaken` stays unknown until the first check, because most sides are gone before that check,
    // and the number costs a system call.
    const deadline: Deadline | null = null;
    const stay: Stay = { side, outcome, untaken: Infinity, looks: 0, stood: 0, deadline };
    side.stay = stay;
    this.#looks[0]?.add(stay);
  }

  delete(side: LingeringSide): void {
    const { stay } = side;
    if (stay === null) return;
    side.stay = null;
    this.#looks[pauseOf(stay)]?.delete(stay);
    this.#farewells.delete(stay);
  }

  #look(stay: Stay): void {
    const { side, outcome } = stay;
    const unsent = side.unsent();
    if (pendingBytes(side, unsent) === 0) {
      if (outcome === "reset") side.terminate();
      else this.#farewells.add(stay);
      return;
    }
    const untaken = side.pending + unsent;
    if (untaken < stay.untaken) {
      stay.stood = 0;
      stay.looks = Math.max(0, stay.looks - LOOKS_A_PAUSE);
    } else {
      stay.stood += PAUSES[pauseOf(stay)] ?? 0;
      stay.looks += 1;
    }
    stay.untaken = untaken;
    if (outcome === "reset" && stay.stood >= this.#standstill) return side.terminate();
    this.#looks[pauseOf(stay)]?.add(stay);
  }
}

/** Returns the pause before the next check, as an index of `PAUSES`. */
function pauseOf({ outcome, looks }: Stay): number {
  return Math.min(Math.floor(looks / LOOKS_A_PAUSE), LONGEST[outcome]);
}

/** Returns the number of bytes that a close would lose now. */
function pendingBytes({ pending, isTcp }: LingeringSide, unsent: number): number {
  // After a Unix socket has accepted bytes, they are in the queue of its peer, and survive the
  // close (unix(7)).
  return isTcp ? pending + unsent : pending;
}
