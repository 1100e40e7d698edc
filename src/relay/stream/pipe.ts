import { EAGAIN } from "../../os/errno.ts";
import { type BulkReader, LARGE } from "./bulk-reader.ts";
import { HeldBytes, restOf } from "./held-bytes.ts";
import type { FailedSocketBytes } from "./failed-socket-bytes.ts";
import { type Reader, Reading } from "./reading.ts";
import type { MemoryAccount } from "./memory-account.ts";
import type { Side } from "./side.ts";

/**
 * - `flowing`: bytes go through.
 * - `ending`: `from` ended its stream. Held bytes go out, then the end of stream.
 * - `ended`: the end of stream was passed on.
 * - `aborting`: `from` failed. Held bytes go out, then `to` is to be reset.
 * - `broken`: `to` takes no more. What `from` still sends is read and dropped.
 *
 * | state      | end        | abort      | all written | break    |
 * | ---------- | ---------- | ---------- | ----------- | -------- |
 * | `flowing`  | `ending`   | `aborting` | `flowing`   | `broken` |
 * | `ending`   | `ending`   | `ending`   | `ended`     | `broken` |
 * | `ended`    | `ended`    | `ended`    | `ended`     | `ended`  |
 * | `aborting` | `aborting` | `aborting` | `aborting`  | `broken` |
 * | `broken`   | `broken`   | `broken`   | `broken`    | `broken` |
 */
export type PipeState = "flowing" | "ending" | "ended" | "aborting" | "broken";

// Before the destination answered, a client is read until so much is held, because Bun does not report
// that a paused Unix client left. The last read may add 512 KiB.
const HELD_BEFORE_READY = 64 * 1024;

/** What pipes share. */
export interface PipeMeans {
  /** Reads bulk by system calls of the relay's own; null if Bun does all reads. */
  readonly bulk: BulkReader | null;
  /** Knows of all bytes that are held. */
  readonly memory: MemoryAccount;
}

/**
 * One direction of a connection: passes on what `from` sends to `to`, and holds what `to` does not take.
 * Held bytes pause the reading, so a pipe holds at most 1 MiB: two reads of Bun's, or one kernel pipe. A
 * `from` that fails while it is paused may add one read; the rest of its bytes stays in the kernel.
 */
export class Pipe implements Reader {
  state: PipeState = "flowing";
  /** Bytes read from `from` so far. */
  bytesRead = 0;
  /** How many of these bytes were dropped because `to` took no more. */
  dropped = 0;
  /** Null until a byte was held: most connections never need it, which saves memory. */
  #held: HeldBytes | null = null;
  readonly #means: PipeMeans;
  /** Null until a chunk was large or was held. Until then Bun reads, as in the state `events`. */
  #reading: Reading | null = null;

  constructor(
    readonly from: Side,
    readonly to: Side,
    means: PipeMeans,
  ) {
    this.#means = means;
  }

  /** Whether Bun is not to read `from`. */
  get isPaused(): boolean {
    return this.#reading !== null && this.#reading.isPaused;
  }

  /** How often reading paused because `to` took no more. */
  get pauses(): number {
    return this.#reading === null ? 0 : this.#reading.pauses;
  }

  /** Bytes that were read and that `to` has not taken. */
  get held(): number {
    return this.#held === null ? 0 : this.#held.bytes;
  }

  /** Bytes for `to` that are here already: those held, and those that a failed `from` left. */
  get pending(): number {
    return this.#held === null ? 0 : this.#held.pending;
  }

  /** Takes a chunk that Bun read from `from`, and may keep it. */
  receive(chunk: Uint8Array): void {
    this.bytesRead += chunk.length;
    if (this.state === "broken") {
      this.dropped += chunk.length;
      return;
    }
    if (this.held > 0 || !this.to.ready) return this.#hold(chunk);
    const sent = this.to.write(chunk);
    if (sent === chunk.length) return this.#passed(sent);
    if (sent < 0) {
      this.dropped += chunk.length;
      return this.#refused();
    }
    this.#holding().add(sent === 0 ? chunk : restOf(chunk, sent));
    this.#needReading().chunkHeld(chunk.length);
    this.#account();
    if (chunk.length >= LARGE) this.#means.bulk?.cameShort(this.to);
  }

  /** Stops reading until `to` is ready. To be called if all pipes together hold too much. */
  awaitReady(): void {
    if (!this.to.ready && this.state === "flowing" && !this.isPaused)
      this.#needReading().chunkHeld(0);
  }

  /** Holds bytes of the relay's own, to go to `to` before all bytes of `from`. */
  precede(bytes: Uint8Array): void {
    this.#holding().addFirst(bytes);
    this.#account();
  }

  /** `to` may have room. Writes what is held; after that passes on the end, or reads on. */
  advance(): void {
    const heldBefore = this.held;
    if (!this.to.ready) return;
    const passed = this.#write();
    this.#account();
    if (!passed) return;
    if (this.state === "flowing") {
      if (this.#held !== null && heldBefore > 0) this.#held.receiverReads = true;
      if (this.#reading?.roomAgain() === true) this.takeTurn();
      return;
    }
    this.#release();
    if (this.state === "ending") {
      this.state = "ended";
      this.to.shutdown();
    }
  }

  /** `from` sent its end of stream. */
  end(): void {
    if (this.state !== "flowing") return;
    this.state = "ending";
    this.advance();
  }

  /** Takes over the bytes that a failed `from` left in the kernel. `end` or `abort` must follow. */
  inherit(remains: FailedSocketBytes): void {
    this.bytesRead += remains.bytes;
    this.#holding().remains = remains;
    if (this.to.ready) this.#write();
    this.#account();
  }

  /** `from` failed. Its bytes still go out, but no end of stream. */
  abort(): void {
    if (this.state !== "flowing") return;
    this.state = "aborting";
    if (this.held === 0) this.#release();
  }

  /** `to` takes no more: drops what is held and what still comes. */
  break(): void {
    if (this.state === "ended") return;
    this.state = "broken";
    if (this.#held !== null) this.dropped += this.#held.drop();
    this.#release();
    this.#account();
    this.#reading?.broke();
  }

  hasMuchRoom(): boolean {
    const { bulk, memory } = this.#means;
    return !memory.isReached && this.to.hasMuchRoom() && bulk?.countsOnRoom(this.to) !== false;
  }

  awaitMuchRoom(): void {
    this.to.awaitMuchRoom();
  }

  /** Reads once without Bun, and passes on what had come. */
  takeTurn(): void {
    const { from, to } = this;
    if (this.#means.bulk === null || this.state !== "flowing") return;
    if (from.socket === null || !to.ready) return;
    const held = this.#holding();
    const reading = this.#needReading();
    const length = this.#means.bulk.read(from, to, held, this.#means.memory.isReached);
    if (length === -EAGAIN) {
      reading.foundNothing();
      if (!reading.isTurn) this.#release();
    } else if (length <= 0) {
      this.#release();
      if (length < 0) from.failed(-length);
      reading.foundEnd();
    } else {
      this.bytesRead += length;
      const passed = this.#write();
      if (this.state !== "flowing") return;
      if (!passed) {
        this.#means.bulk.cameShort(to);
        this.#means.bulk.keep(held);
        this.#account();
      }
      reading.hasRead(passed);
    }
  }

  /** `to` took all of a chunk. */
  #passed(length: number): void {
    if (this.#reading === null && length < LARGE) this.#means.bulk?.chunkPassed(length);
    else if (this.#needReading().chunkPassed(length)) this.takeTurn();
  }

  /** Writes what is held. False if bytes are left, or `to` takes no more. */
  #write(): boolean {
    if (this.state === "broken") return false;
    if (this.#held === null) return true;
    if (this.#held.writeTo(this.to) < 0) {
      this.#refused();
      return false;
    }
    return this.#held.bytes === 0;
  }

  /** A write found that `to` takes no more. */
  #refused(): void {
    this.break();
    // In the next turn, because a peer that is closing looks for a moment as if it only stopped reading.
    setImmediate(passRefusalOn, this);
  }

  /** Gives back what was borrowed for reads of the pipe's own. */
  #release(): void {
    if (this.#held !== null) this.#means.bulk?.release(this.#held);
  }

  #needReading(): Reading {
    return (this.#reading ??= new Reading(this, this.#means.bulk));
  }

  #holding(): HeldBytes {
    return (this.#held ??= new HeldBytes());
  }

  #hold(chunk: Uint8Array): void {
    this.#holding().add(chunk);
    this.#account();
    const mayHoldMore = this.held < HELD_BEFORE_READY && !this.#means.memory.isReached;
    // The size of this chunk says nothing: it was not offered to `to`.
    if (this.to.ready || !mayHoldMore) this.#needReading().chunkHeld(0);
  }

  /** Tells how many bytes are held now. Called whenever bytes stay in `#held`, or left it. */
  #account(): void {
    const held = this.#held;
    if (held === null) return;
    const { bytes, counted } = held;
    if (bytes === counted) return;
    held.counted = bytes;
    this.#means.memory.changed(bytes - counted);
  }
}

/** If `to` shut down its reading, the writes of `from` are to fail too. */
function passRefusalOn({ from, to }: Pipe): void {
  if (to.readsNoMore) from.shutReading();
}
