import type { Side } from "./side.ts";

/**
 * - `flowing`: bytes go through.
 * - `ending`: `from` has ended; the bytes held go out, then the end of stream.
 * - `ended`: the end of stream was passed on.
 * - `aborting`: `from` failed; the bytes held go out, then `to` is to be reset.
 * - `broken`: `to` takes no more; what `from` still sends is read and dropped.
 */
export type PipeState = "flowing" | "ending" | "ended" | "aborting" | "broken";

// A destination that has not answered yet leaves its client unpaused up to here, because Bun does
// not report the departure of a paused Unix client. One read adds at most 512 KiB.
const HELD_BEFORE_READY = 64 * 1024;

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
  readonly #held: Uint8Array[] = [];
  #heldBytes = 0;

  constructor(
    readonly from: Side,
    readonly to: Side,
  ) {}

  /** Bytes that `to` has not taken yet. */
  get held(): number {
    return this.#heldBytes;
  }

  /** A chunk of `from`, which the pipe may keep. */
  receive(chunk: Uint8Array): void {
    this.bytes += chunk.length;
    if (this.state === "broken") {
      this.dropped += chunk.length;
      return;
    }
    if (this.#heldBytes > 0 || !this.to.ready) return this.#hold(chunk);
    const sent = this.to.write(chunk);
    if (sent === chunk.length) return;
    if (sent < 0) {
      this.dropped += chunk.length;
      return this.break();
    }
    this.#hold(sent === 0 ? chunk : chunk.subarray(sent));
  }

  /** Holds bytes of the relay's own, which go to `to` before all that `from` sent. */
  precede(bytes: Uint8Array): void {
    this.#held.unshift(bytes);
    this.#heldBytes += bytes.length;
  }

  /** `to` may have room again: writes what is held, then passes the end on or lets bytes flow. */
  advance(): void {
    if (!this.to.ready || this.state === "broken") return;
    while (this.#heldBytes > 0) {
      const chunk = this.#held[0] as Uint8Array;
      const sent = this.to.write(chunk);
      if (sent < 0) return this.break();
      this.#heldBytes -= sent;
      if (sent < chunk.length) {
        this.#held[0] = chunk.subarray(sent);
        return;
      }
      this.#held.shift();
    }
    if (this.state === "ending") {
      this.state = "ended";
      this.to.shutdown();
    } else if (this.state === "flowing") {
      this.from.resume();
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
    if (this.state === "flowing") this.state = "aborting";
  }

  /** `to` takes no more. */
  break(): void {
    if (this.state === "ended") return;
    this.state = "broken";
    this.dropped += this.#heldBytes;
    this.#held.length = 0;
    this.#heldBytes = 0;
    this.from.resume();
  }

  #hold(chunk: Uint8Array): void {
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    if (this.to.ready || this.#heldBytes >= HELD_BEFORE_READY) this.from.pause();
  }
}
