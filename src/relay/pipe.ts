import { EAGAIN } from "../os/errno.ts";
import { type Bulk, LARGE, SMALL } from "./bulk.ts";
import { Held } from "./held.ts";
import type { Side } from "./side.ts";

/**
 * - `flowing`: bytes go through.
 * - `ending`: `from` has ended; the bytes held go out, then the end of stream.
 * - `ended`: the end of stream was passed on.
 * - `aborting`: `from` failed; the bytes held go out, then `to` is to be reset.
 * - `broken`: `to` takes no more; what `from` still sends is read and dropped.
 */
export type PipeState = "flowing" | "ending" | "ended" | "aborting" | "broken";

/**
 * - `events`: Bun reads and tells of each chunk.
 * - `turns`: bytes come fast, Bun's reading is paused, and the pipe reads by itself, a turn of the
 *   event loop at a time.
 * - `last turn`: nothing had come since the turn before; if nothing has come again, Bun reads.
 */
type Reading = "events" | "turns" | "last turn";

// A destination that has not answered yet leaves its client unpaused up to here, because Bun does
// not report the departure of a paused Unix client. One read adds at most 512 KiB.
const HELD_BEFORE_READY = 64 * 1024;

// Where bulk pauses, the chunks are of any size: so many after a turn are no request.
const RAGGED = 16;

/**
 * One direction of a connection. It holds at most two reads of 512 KiB: a full `to` pauses `from`,
 * but Bun delivers one more chunk of a paused TCP socket that is reset.
 */
export class Pipe {
  state: PipeState = "flowing";
  /** Bytes read from `from`. */
  bytes = 0;
  /** Of those, bytes that `to` was gone for. */
  dropped = 0;
  /** How often reading paused because `to` took no more. */
  pauses = 0;
  readonly #held = new Held();
  readonly #bulk: Bulk | null;
  #reading: Reading = "events";
  #turnIsDue = false;
  #ragged = 0;
  #waits = false;

  /** Without `bulk` all reading is Bun's. */
  constructor(
    readonly from: Side,
    readonly to: Side,
    bulk: Bulk | null,
  ) {
    this.#bulk = bulk;
  }

  /** Bytes that `to` has not taken yet. */
  get held(): number {
    return this.#held.bytes;
  }

  /** A chunk of `from`, which the pipe may keep. */
  receive(chunk: Uint8Array): void {
    this.bytes += chunk.length;
    if (this.state === "broken") {
      this.dropped += chunk.length;
      return;
    }
    if (this.#held.bytes > 0 || !this.to.ready) return this.#hold(chunk);
    const sent = this.to.write(chunk);
    if (sent === chunk.length) {
      if (sent >= LARGE) this.takeTurn();
      else if (this.#ragged > 0) this.#ragged -= 1;
      else if (sent < SMALL) this.#bulk?.small();
      return;
    }
    if (sent < 0) {
      this.dropped += chunk.length;
      return this.break();
    }
    this.#hold(sent === 0 ? chunk : chunk.subarray(sent));
  }

  /** Holds bytes of the relay's own, which go to `to` before all that `from` sent. */
  precede(bytes: Uint8Array): void {
    this.#held.addFirst(bytes);
  }

  /** `to` may have room again: writes what is held, then passes the end on or lets bytes flow. */
  advance(): void {
    if (!this.to.ready || !this.#write()) return;
    this.#waits = false;
    if (this.state === "flowing") {
      if (this.#reading === "events") this.from.resume();
      else if (!this.#turnIsDue) this.takeTurn();
      return;
    }
    this.#bulk?.release(this.#held);
    if (this.state === "ending") {
      this.state = "ended";
      this.to.shutdown();
    }
  }

  /** `from` has sent its end of stream. */
  end(): void {
    if (this.state !== "flowing") return;
    this.state = "ending";
    this.advance();
  }

  /** `from` failed: its bytes still go out, but never an end of stream. */
  abort(): void {
    if (this.state !== "flowing") return;
    this.state = "aborting";
    if (this.held === 0) this.#bulk?.release(this.#held);
  }

  /** `to` takes no more. */
  break(): void {
    if (this.state === "ended") return;
    this.state = "broken";
    this.dropped += this.#held.drop();
    this.#bulk?.release(this.#held);
    this.from.resume();
  }

  /** Reads once what is there already, passes it on, and does so again in the next turn. */
  takeTurn(): void {
    this.#turnIsDue = false;
    const { from, to } = this;
    if (this.#bulk === null || this.state !== "flowing" || this.held > 0) return;
    if (from.socket === null || !to.ready) return;
    const length = this.#bulk.read(from, to, this.#held);
    if (length <= 0) return this.#foundNothing(this.#bulk, length);
    this.bytes += length;
    this.#reading = "turns";
    this.#ragged = RAGGED;
    from.pause();
    if (this.#write()) return this.#laterTurn();
    if (this.held === 0) return;
    this.#bulk.keep(this.#held);
    this.#wait();
  }

  /** `length` is 0 at the end of the stream, else a negative errno. */
  #foundNothing(bulk: Bulk, length: number): void {
    if (length === -EAGAIN && this.#reading === "turns") {
      this.#reading = "last turn";
      return this.#laterTurn();
    }
    bulk.release(this.#held);
    if (length < 0 && length !== -EAGAIN) this.from.failed(-length);
    this.#reading = "events";
    this.from.resume();
  }

  #laterTurn(): void {
    if (this.#turnIsDue) return;
    this.#turnIsDue = true;
    setImmediate(takeTurn, this);
  }

  /** Writes what is held; false where something is left, or `to` takes no more. */
  #write(): boolean {
    if (this.state === "broken") return false;
    if (this.#held.writeTo(this.to) < 0) {
      this.break();
      return false;
    }
    return this.#held.bytes === 0;
  }

  #hold(chunk: Uint8Array): void {
    this.#held.add(chunk);
    if (this.to.ready || this.held >= HELD_BEFORE_READY) this.#wait();
  }

  #wait(): void {
    if (this.#waits) return;
    this.#waits = true;
    this.pauses += 1;
    this.from.pause();
  }
}

function takeTurn(pipe: Pipe): void {
  pipe.takeTurn();
}
