import { EAGAIN } from "../../os/errno.ts";
import { type BulkReader, LARGE } from "./bulk-reader.ts";
import type { CrowdMember } from "./crowd-of-small-chunks.ts";
import { freeChunk } from "./free-memory-of-chunk.ts";
import { HeldBytes, restOf } from "./held-bytes.ts";
import type { FailedSocketBytes } from "./unread-bytes-of-failed-socket.ts";
import { type Reader, Reading } from "./reading.ts";
import type { MemoryAccount } from "./memory-account.ts";
import type { PipeState } from "./pipe-states.ts";
import type { Side } from "./side.ts";

// Before the destination is reached, Bun reads from the client until at least this many bytes are
// held. The reading does not pause earlier, because during a pause Bun does not report that a Unix
// client has left. One read may bring up to 512 KiB, so more bytes than this number may be held.
const HELD_BEFORE_READY = 64 * 1024;

/** The objects that the pipes of a relay share. */
export interface PipeMeans {
  /** Reads large transfers by the relay's own system calls; null if Bun does all reads. */
  readonly bulk: BulkReader | null;
  /** The account of all held bytes. */
  readonly memory: MemoryAccount;
}

/**
 * One direction of a connection: reads bytes from the side `from`, writes them to the side `to`,
 * and holds the bytes that `to` does not take. While bytes are held, the reading from `from` is
 * paused; but before `to` is ready, the reading pauses only at `HELD_BEFORE_READY`.
 *
 * So a pipe holds about 1 MiB at most: one full kernel pipe (`KernelPipe`). Chunks that Bun reads
 * are smaller, up to 512 KiB. If `from` fails while the reading is paused, one more chunk can come;
 * all further unread bytes of `from` stay in the kernel (`FailedSocketBytes`).
 */
export class Pipe implements Reader, CrowdMember {
  state: PipeState = "flowing";
  /** The number of bytes read from `from` so far. */
  bytesRead = 0;
  /**
   * The number of bytes that were read from `from` and dropped, because `to` took no more bytes.
   */
  dropped = 0;
  latestChunk = 0;
  chunksInCrowd = 0;
  /**
   * The held bytes; null until bytes are held for the first time. This saves memory, because most
   * connections never hold bytes.
   */
  #held: HeldBytes | null = null;
  readonly #means: PipeMeans;
  /**
   * Decides who reads `from`. Null until Bun reads a large chunk or must stop reading for the first
   * time. While this is null, Bun reads, as in the state `events` of `Reading`.
   */
  #reading: Reading | null = null;

  constructor(
    readonly from: Side,
    readonly to: Side,
    means: PipeMeans,
  ) {
    this.#means = means;
  }

  /** Whether Bun must not read from `from`. */
  get isPaused(): boolean {
    return this.#reading !== null && this.#reading.isPaused;
  }

  /** The number of times that reading paused because `to` did not take all bytes. */
  get pauses(): number {
    return this.#reading === null ? 0 : this.#reading.pauses;
  }

  /** The number of bytes that were read and that `to` has not taken yet. */
  get held(): number {
    return this.#held === null ? 0 : this.#held.bytes;
  }

  /**
   * The number of bytes that still have to be written to `to`: the held bytes and, if `from` has
   * failed, the bytes that the kernel still has from it (`HeldBytes.remains`).
   */
  get pending(): number {
    return this.#held === null ? 0 : this.#held.pending;
  }

  /**
   * Receives a chunk that Bun has read from `from`. The chunk belongs to the pipe from now on: the
   * pipe keeps the chunk, or frees the chunk's memory.
   */
  receive(chunk: Uint8Array): void {
    const { length } = chunk;
    this.bytesRead += length;
    if (this.state === "broken") return this.#drop(chunk);
    if (this.held > 0 || !this.to.ready) return this.#hold(chunk);
    const sent = this.to.write(chunk);
    if (sent === length) {
      freeChunk(chunk);
      return this.#passed(length);
    }
    if (sent < 0) {
      this.#drop(chunk);
      return this.#refused();
    }
    const rest = sent === 0 ? chunk : restOf(chunk, sent);
    if (rest.buffer !== chunk.buffer) freeChunk(chunk);
    this.#holding().add(rest);
    this.#needReading().chunkHeld(length);
    this.#account();
    if (length >= LARGE) this.#means.bulk?.cameShort(this.to);
  }

  /**
   * Makes the pipe read and hold fewer bytes. Call this when all pipes together hold too many
   * bytes.
   *
   * - If bytes are held or `to` is not ready, nobody reads from `from` until `to` is ready and has
   *   taken the held bytes.
   * - Otherwise the relay's own system calls read as soon as there are bytes. Each call reads at
   *   most as many bytes as `to` has room for. Without a bulk reader, Bun reads as before.
   */
  memoryFull(): void {
    if (!this.from.ready || this.state !== "flowing") return;
    if (this.to.ready && this.held === 0) this.#needReading().memoryFull();
    else if (!this.isPaused) this.#needReading().chunkHeld(0);
  }

  /**
   * Lets Bun read again if only the memory limit stopped the reading before `to` was ready, because
   * during a pause Bun does not report that a Unix client has left. Call this when all pipes
   * together hold few enough bytes again.
   */
  memoryFree(): void {
    if (this.state !== "flowing" || this.to.ready || this.held >= HELD_BEFORE_READY) return;
    this.#reading?.roomAgain();
  }

  /** Adds bytes that the relay itself sends to `to`, before all bytes of `from`. */
  precede(bytes: Uint8Array): void {
    this.#holding().addFirst(bytes);
    this.#account();
  }

  /**
   * Writes the held bytes. If all of them are written, passes on the end of stream or continues
   * reading. Call this when `to` may have room.
   */
  advance(): void {
    const heldBefore = this.held;
    if (!this.to.ready) return;
    const passed = this.#write();
    this.#account();
    if (!passed) return;
    if (this.state === "flowing") {
      if (this.#held !== null && heldBefore > 0) this.#held.receiverReads = true;
      if (this.#reading?.roomAgain() === true) this.takeTurn();
      if (this.#means.memory.isReached) this.memoryFull();
      return;
    }
    this.#release();
    if (this.state === "ending") {
      this.state = "ended";
      this.to.shutdown();
    }
  }

  /**
   * Passes on the end of stream after the held bytes. Call this when `from` has sent its end of
   * stream.
   */
  end(): void {
    if (this.state !== "flowing") return;
    this.#reading?.leaveCrowd();
    this.state = "ending";
    this.advance();
  }

  /**
   * Takes over the unread bytes of a failed `from`. The caller must call `end` or `abort`
   * afterwards.
   */
  inherit(remains: FailedSocketBytes): void {
    this.#reading?.leaveCrowd();
    this.bytesRead += remains.bytes;
    this.#holding().remains = remains;
    if (this.to.ready) this.#write();
    this.#account();
  }

  /**
   * Aborts the pipe: the held bytes are still written to `to`, but no end of stream follows. Call
   * this when `from` has failed.
   */
  abort(): void {
    if (this.state !== "flowing") return;
    this.#reading?.leaveCrowd();
    this.state = "aborting";
    if (this.held === 0) this.#release();
  }

  /**
   * Drops the held bytes and all further bytes of `from`. Call this when `to` takes no more bytes.
   */
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

  get isSparing(): boolean {
    return this.#means.memory.isReached;
  }

  awaitMuchRoom(): void {
    this.to.awaitMuchRoom();
  }

  /**
   * Reads once from `from` by the relay's own system call, without Bun, and writes the bytes to
   * `to`.
   */
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
      if (length < 0) from.readFailed(-length);
      reading.foundEnd();
    } else {
      this.bytesRead += length;
      const passed = this.#write();
      if (this.state !== "flowing") return;
      if (!passed) {
        this.#means.bulk.cameShort(to);
        this.#means.bulk.keep(held);
      }
      reading.hasRead(passed);
      // Call `#account` last, because the memory account may call `memoryFull` of this pipe at
      // once.
      if (!passed) this.#account();
    }
  }

  readInCrowd(): void {
    const { from, to } = this;
    const { bulk } = this.#means;
    const reading = this.#needReading();
    if (bulk === null || this.state !== "flowing" || from.socket === null || !to.ready)
      return reading.leaveCrowd();
    const length = bulk.readSmall(from);
    if (length === -EAGAIN) return;
    if (length <= 0) {
      if (length < 0) from.readFailed(-length);
      return reading.foundEnd();
    }
    this.bytesRead += length;
    const sent = to.write(bulk.small, length);
    if (sent === length) {
      bulk.chunkPassed(length);
      if (length === LARGE) reading.hasRead(true);
      else if (bulk.isCrowdOver) reading.leaveCrowd();
    } else if (sent < 0) {
      this.dropped += length;
      this.#refused();
    } else {
      this.#holding().add(bulk.small.slice(sent, length));
      if (length === LARGE) bulk.cameShort(to);
      reading.hasRead(false);
      this.#account();
    }
  }

  /**
   * Reports a chunk that Bun read and that `to` has taken as a whole: to `#reading`, or to the bulk
   * reader if there is no `#reading` yet and the chunk is not large. Their answers say who reads
   * next.
   */
  #passed(length: number): void {
    if (this.#reading === null && length < LARGE) {
      const joins = this.#means.bulk?.smallChunkPassed(length, this) === true;
      if (joins) this.#needReading().crowded();
    } else if (this.#needReading().chunkPassed(length)) {
      this.takeTurn();
    }
  }

  /**
   * Writes the held bytes.
   *
   * @returns false if bytes are left, or if `to` takes no more bytes
   */
  #write(): boolean {
    if (this.state === "broken") return false;
    if (this.#held === null) return true;
    if (this.#held.writeTo(this.to) < 0) {
      this.#refused();
      return false;
    }
    return this.#held.bytes === 0;
  }

  /**
   * Breaks the pipe, because a write found that `to` takes no more bytes. If `to` has only shut
   * down its reading, the relay also stops reading from `from`, in the next turn of the event loop
   * (`passRefusalOn`).
   */
  #refused(): void {
    this.break();
    // Wait for the next turn of the event loop: while a peer closes its socket, the kernel shows
    // for a moment the same state as for a peer that only stopped reading.
    setImmediate(passRefusalOn, this);
  }

  /** Gives the borrowed kernel pipe back. */
  #release(): void {
    if (this.#held !== null) this.#means.bulk?.release(this.#held);
  }

  #needReading(): Reading {
    return (this.#reading ??= new Reading(this, this.#means.bulk));
  }

  #holding(): HeldBytes {
    return (this.#held ??= new HeldBytes());
  }

  #drop(chunk: Uint8Array): void {
    this.dropped += chunk.length;
    freeChunk(chunk);
  }

  #hold(chunk: Uint8Array): void {
    this.#holding().add(chunk);
    this.#account();
    const mayHoldMore = this.held < HELD_BEFORE_READY && !this.#means.memory.isReached;
    // Pass 0 instead of the chunk's length, so that the chunk does not count as large. After a
    // large chunk, the relay itself does the next read. Here Bun does the next read, when the held
    // bytes are written. The reason: a large chunk does not prove here that many more bytes follow,
    // because its bytes may have gathered while nobody read them.
    if (this.to.ready || !mayHoldMore) this.#needReading().chunkHeld(0);
  }

  /**
   * Reports to the memory account by how much the number of held bytes has changed since the last
   * report. Called after bytes were added to `#held` and stayed there, or after bytes left `#held`.
   */
  #account(): void {
    const held = this.#held;
    if (held === null) return;
    const { bytes, counted } = held;
    if (bytes === counted) return;
    held.counted = bytes;
    this.#means.memory.changed(bytes - counted);
  }
}

/**
 * If `to` has shut down its reading, shuts down the relay's reading from `from`. So a Unix peer at
 * `from` sees that its writes fail, as if it were connected to `to` directly.
 */
function passRefusalOn({ from, to }: Pipe): void {
  if (!to.readsNoMore) return;
  to.onlyShutReading();
  from.shutReading();
}
