import { EAGAIN } from "../../os/errno.ts";
import type { BulkReader } from "./bulk-reader.ts";
import { HeldBytes } from "./held-bytes.ts";
import type { FailedSocketBytes } from "./failed-socket-bytes.ts";
import { type Reader, Reading } from "./reading.ts";
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
 * One direction of a connection. It holds at most 1 MiB: two reads of Bun's, or what a kernel's pipe
 * has room for, as a full `to` pauses `from`. A `from` that fails while it is paused may add one more
 * read; what else the kernel has of it remains there.
 */
export class Pipe implements Reader {
  state: PipeState = "flowing";
  /** Bytes read from `from`. */
  bytesRead = 0;
  /** Of those, bytes that `to` was gone for. */
  dropped = 0;
  /** Null until something was held: most connections never need it, and it is memory. */
  #held: HeldBytes | null = null;
  readonly #bulk: BulkReader | null;
  readonly #reading: Reading;

  /** Without `bulk` all reading is Bun's. */
  constructor(
    readonly from: Side,
    readonly to: Side,
    bulk: BulkReader | null,
  ) {
    this.#bulk = bulk;
    this.#reading = new Reading(this, bulk);
  }

  /** Whether Bun is not to read `from`. */
  get isPaused(): boolean {
    return this.#reading.isPaused;
  }

  /** How often reading paused because `to` took no more. */
  get pauses(): number {
    return this.#reading.pauses;
  }

  /** Bytes in the relay that `to` has not taken yet. */
  get held(): number {
    return this.#held === null ? 0 : this.#held.bytes;
  }

  /** All bytes for `to` that will not come by `receive`: those held, and what a failed `from` left. */
  get pending(): number {
    return this.#held === null ? 0 : this.#held.pending;
  }

  /** A chunk of `from`, which the pipe may keep. */
  receive(chunk: Uint8Array): void {
    this.bytesRead += chunk.length;
    if (this.state === "broken") {
      this.dropped += chunk.length;
      return;
    }
    if (this.held > 0 || !this.to.ready) return this.#hold(chunk);
    const sent = this.to.write(chunk);
    if (sent === chunk.length) {
      if (this.#reading.chunkPassed(sent)) this.takeTurn();
      return;
    }
    if (sent < 0) {
      this.dropped += chunk.length;
      return this.#refused();
    }
    this.#holding().add(sent === 0 ? chunk : chunk.subarray(sent));
    this.#reading.chunkHeld(chunk.length);
  }

  /** Holds bytes of the relay's own, which go to `to` before all that `from` sent. */
  precede(bytes: Uint8Array): void {
    this.#holding().addFirst(bytes);
  }

  /** `to` may have room again: writes what is held, then passes the end on or lets bytes flow. */
  advance(): void {
    if (!this.to.ready || !this.#write()) return;
    if (this.state === "flowing") {
      if (this.#reading.roomAgain()) this.takeTurn();
      return;
    }
    this.#release();
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

  /** Takes over what a failed `from` has left in the kernel; `end` or `abort` follows. */
  inherit(remains: FailedSocketBytes): void {
    this.bytesRead += remains.bytes;
    this.#holding().remains = remains;
    if (this.to.ready) this.#write();
  }

  /** `from` failed: its bytes still go out, but never an end of stream. */
  abort(): void {
    if (this.state !== "flowing") return;
    this.state = "aborting";
    if (this.held === 0) this.#release();
  }

  /** `to` takes no more. */
  break(): void {
    if (this.state === "ended") return;
    this.state = "broken";
    if (this.#held !== null) this.dropped += this.#held.drop();
    this.#release();
    this.#reading.broke();
  }

  /** Reads once what is there already, and passes it on. */
  takeTurn(): void {
    const { from, to } = this;
    if (this.#bulk === null || this.state !== "flowing") return;
    if (from.socket === null || !to.ready) return;
    const held = this.#holding();
    const length = this.#bulk.read(from, to, held);
    if (length === -EAGAIN) {
      this.#reading.foundNothing();
      if (this.#reading.state === "events") this.#release();
    } else if (length <= 0) {
      this.#release();
      if (length < 0) from.failed(-length);
      this.#reading.foundEnd();
    } else {
      this.bytesRead += length;
      const passed = this.#write();
      if (this.state !== "flowing") return;
      if (!passed) this.#bulk.keep(held);
      this.#reading.hasRead(passed);
    }
  }

  /** Writes what is held; false where something is left, or `to` takes no more. */
  #write(): boolean {
    if (this.state === "broken") return false;
    if (this.#held === null) return true;
    if (this.#held.writeTo(this.to) < 0) {
      this.#refused();
      return false;
    }
    return this.#held.bytes === 0;
  }

  /** A write has found that `to` takes no more. */
  #refused(): void {
    this.break();
    // Not now: a peer that is just about to close looks like one that only stopped to read.
    setImmediate(passRefusalOn, this);
  }

  #release(): void {
    if (this.#held !== null) this.#bulk?.release(this.#held);
  }

  #holding(): HeldBytes {
    return (this.#held ??= new HeldBytes());
  }

  #hold(chunk: Uint8Array): void {
    this.#holding().add(chunk);
    // Not by its size: bytes were held before it, or nobody is there to take any.
    if (this.to.ready || this.held >= HELD_BEFORE_READY) this.#reading.chunkHeld(0);
  }
}

function passRefusalOn({ from, to }: Pipe): void {
  if (to.readsNoMore) from.shutReading();
}
