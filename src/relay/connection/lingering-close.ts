import type { Side } from "../stream/side.ts";

/** What becomes of a lingering side: `reset` passes a failure on, `close` a clean end. */
export type Outcome = "reset" | "close";

/** A side that can tell how many bytes for it the relay still has to write. */
export interface LingeringSide extends Side {
  readonly pending: number;
}

interface Stay {
  readonly outcome: Outcome;
  pending: number;
  until: number;
}

const TICK = 50;

/**
 * The last phase of a side whose peer is gone: nothing more will come for it, but what was written
 * must still reach it. A reset, or a close while bytes of the side are unread, would make the
 * kernel throw away what it has not delivered (tcp(7); RFC 1122 4.2.2.13), so until then the side
 * stays, and what it sends is read and dropped.
 *
 * `reset` waits for the side to take everything as long as it goes on taking; `close` waits for
 * that without a limit, and then for the side's own end.
 */
export class LingeringClose {
  readonly #stays = new Map<LingeringSide, Stay>();
  #timer: Timer | undefined;

  constructor(
    /** Milliseconds without progress after which a side is reset or closed all the same. */
    readonly limit: number,
  ) {}

  /** Lets a side linger; one that lingers already keeps its time. */
  add(side: LingeringSide, outcome: Outcome): void {
    if (this.#stays.has(side)) return;
    if (outcome === "reset" && pendingBytes(side) === 0) return side.terminate();
    // The kernel is not asked yet: most sides are gone before the first look.
    const stay = { outcome, pending: Infinity, until: performance.now() + this.limit };
    this.#stays.set(side, stay);
    this.#timer ??= setTimeout(this.#tick, TICK);
  }

  delete(side: LingeringSide): void {
    this.#stays.delete(side);
  }

  readonly #tick = (): void => {
    // First of all, so that an error does not leave the others without a timer.
    this.#timer = undefined;
    const now = performance.now();
    for (const [side, stay] of this.#stays) look(side, stay, now, this.limit);
    if (this.#stays.size > 0) this.#timer ??= setTimeout(this.#tick, TICK);
  };
}

function look(side: LingeringSide, stay: Stay, now: number, limit: number): void {
  const pending = pendingBytes(side);
  const moved = pending < stay.pending;
  stay.pending = pending;
  if (moved || (stay.outcome === "close" && pending > 0)) stay.until = now + limit;
  if (stay.outcome === "reset" && (pending === 0 || now >= stay.until)) side.terminate();
  else if (stay.outcome === "close" && now >= stay.until) side.close();
}

function pendingBytes(side: LingeringSide): number {
  // What a Unix socket has taken is in its peer's hands and survives the close (unix(7)).
  return side.pending + (side.isTcp ? side.unsent() : 0);
}
