import { constants } from "node:os";
import type { Libc } from "../../os/libc.ts";
import type { HeldBytes } from "./held-bytes.ts";
import { CAPACITY, KernelPipes } from "./kernel-pipe.ts";
import type { Side } from "./side.ts";
import { ByteWatch } from "./await-bytes-without-bun.ts";
import { Crowd, type CrowdMember } from "./crowd-of-small-chunks.ts";

/**
 * The minimum size of a large chunk, in bytes. After a large chunk, more chunks are likely to
 * follow at once.
 */
export const LARGE = 64 * 1024;

// The size, in bytes, below which a chunk is small: a small chunk is likely to be a request, or the
// answer to a request.
const SMALL = 16 * 1024;

// The maximum size of one read that copies the bytes, if no other connection waits; in bytes. The
// size is large because large reads wake the sender and the receiver less often.
const COPIED_MOST = 256 * 1024;
// The maximum size of one read that splices the bytes, if no other connection waits; in bytes.
const SPLICED_MOST = CAPACITY;
// The maximum size of one read that copies the bytes, if other connections wait for their turn
// (`TURNS_OF_OTHERS`); in bytes.
const COPIED_IN_TURN = 32 * 1024;
// The maximum size of one read that splices the bytes, if other connections wait for their turn
// (`TURNS_OF_OTHERS`); in bytes.
const SPLICED_IN_TURN = 128 * 1024;

// The size of a read, in bytes, that every receiver with any room can take. The room is the free
// space in the receiver's send buffer, as the kernel reports it. The kernel accepts the whole of
// such a write if a socket's buffer has any room, even if the write over-fills the buffer. Reads
// are never larger than this size in two cases: if the bulk reader does not trust the reported room
// of a TCP receiver, and while all connections together hold too many bytes.
const ROOM_LEAST = 32 * 1024;

// The maximum size of a read, in bytes, if the other side has no room. The first of these reads is
// one byte long. The pipe tries to write the byte through Bun. If the other side does not take the
// byte, Bun waits until there is room and then reports the room. But a full TCP socket may take up
// to 64 KiB more, as long as its last segment has space. So each next read is twice as long as the
// one before, up to this size, as long as the other side takes the bytes. The size is small because
// the last of these reads stays in memory. While all connections together hold too many bytes, the
// size does not grow.
const WITHOUT_ROOM_MOST = 1024;

// The maximum number of bytes by which the contents of a TCP socket's send buffer normally exceed
// the size of the buffer: the last segment, of up to 64 KiB, and the kernel's bookkeeping of the
// segment. (The largest excess seen is 66,306 bytes.) A larger excess shows that the kernel has
// reduced the buffer, because all TCP sockets together use too much memory (tcp(7), tcp_mem).
const EXCESS_MOST = 72 * 1024;
// After the kernel has reduced a send buffer, the bulk reader does not trust the reported room of
// TCP sockets for this time, in milliseconds.
const SCARCITY = 10_000;

// A receiver that has never taken all held bytes may be a program that never reads
// (`HeldBytes.receiverReads`). If the kernel pipe of its direction contains fewer bytes than this
// number, the bulk reader copies these bytes into memory, so that another direction can use the
// kernel pipe.
const PIPED_LEAST = 64 * 1024;

// After a small chunk was passed on, the bulk reader assumes for this number of reads that other
// connections wait for their turn, and keeps the reads short. All these reads together take about a
// millisecond.
const TURNS_OF_OTHERS = 64;

let ofThread: BulkReader | undefined;

/**
 * Returns the bulk reader of this thread. All relays of the thread share its buffer and its kernel
 * pipes.
 *
 * @param threads - the number of threads of this process that relay
 */
export function threadBulkReader(system: Libc, threads: number): BulkReader {
  return (ofThread ??= new BulkReader(system, threads));
}

/**
 * Reads large transfers by the relay's own system calls, for two reasons. Bun allocates a buffer of
 * up to 512 KiB for each read, which makes the transfer of a gigabyte a third more expensive. And
 * splice(2) passes memory pages on without a copy. From a Unix socket to a TCP socket, splice(2)
 * costs more than a copy, so the bytes are copied there (PROFILE.md).
 */
export class BulkReader {
  /** Tells the directions of this thread that bytes have come while Bun must not read. */
  readonly arrivals: ByteWatch;
  readonly #crowd = new Crowd();
  readonly #system: Libc;
  readonly #kernelPipes: KernelPipes;
  // The buffer into which the reads of all directions copy their bytes. Before the next read, the
  // bytes are written to their receiver or copied to other memory.
  readonly #buffer = new Uint8Array(COPIED_MOST);
  #turnsOfOthers = 0;
  /**
   * The time, by `performance.now()`, until which the bulk reader does not trust the room of TCP
   * sockets that the kernel reports (`SCARCITY`); 0 while the bulk reader trusts it.
   */
  #scarceUntil = 0;
  /** The number of relays that have a connection. */
  #users = 0;

  constructor(system: Libc, threads = 1) {
    this.#system = system;
    this.#kernelPipes = new KernelPipes(system, threads);
    this.arrivals = new ByteWatch(system, (chunks) => this.#crowd.hasRead(chunks));
  }

  /**
   * Call this for each chunk that was passed on. After a small chunk, the next reads of all
   * connections are short: the sender of the small chunk may wait for an answer, and long reads of
   * other connections would delay the answer.
   */
  chunkPassed(length: number): void {
    if (length < SMALL) this.#turnsOfOthers = TURNS_OF_OTHERS;
  }

  /**
   * Like `chunkPassed`, for a chunk that Bun has read from a sender of small chunks.
   *
   * @returns whether the pipe `member` must read its next chunks by `readSmall` (`Crowd`)
   */
  smallChunkPassed(length: number, member: CrowdMember): boolean {
    this.chunkPassed(length);
    return this.#crowd.chunkPassed(member);
  }

  /** Whether no pipe should read by `readSmall` any more (`Crowd`). */
  get isCrowdOver(): boolean {
    return this.#crowd.isOver;
  }

  /**
   * Reads once from a side, at most `LARGE` bytes, to the beginning of `small`.
   *
   * @returns the number of bytes, 0 at the end of the stream, or a negative errno
   */
  readSmall(from: Side): number {
    return this.#system.receive(from.fd, this.#buffer, LARGE);
  }

  /** The bytes of the latest `readSmall`. The next read of any direction overwrites them. */
  get small(): Uint8Array {
    return this.#buffer;
  }

  /**
   * Reads once from a side into `held`, which must be empty. The size of the read depends on the
   * room of `to`. After the read, the caller writes `held` to `to`, and must call `keep` if bytes
   * are left in `held`.
   *
   * @param sparing - whether all connections together hold so much that the read must be small,
   *   even if `to` has much room
   * @returns the number of bytes, 0 at the end of the stream, or a negative errno
   */
  read(from: Side, to: Side, held: HeldBytes, sparing: boolean): number {
    const alone = this.#turnsOfOthers === 0;
    if (!alone) this.#turnsOfOthers -= 1;
    const splices = from.isTcp || !to.isTcp;
    if (splices) held.kernelPipe ??= this.#kernelPipes.borrow();
    // A Unix socket reports little room even if its program reads as fast as it can. So for a Unix
    // receiver that is known to read, do not limit the read by the reported room. Larger reads wake
    // the sender less often. Even slow receivers cannot use up much memory in this way, because a
    // thread has only a few kernel pipes.
    const isAhead = held.receiverReads && held.kernelPipe !== null && !to.isTcp && !sparing;
    const most = isAhead ? Infinity : this.#roomOf(to, sparing);
    if (most <= 0) {
      this.release(held);
      const length = held.readWithoutRoom;
      if (!sparing) held.readWithoutRoom = Math.min(2 * length, WITHOUT_ROOM_MOST);
      return this.#copy(from, held, length);
    }
    held.readWithoutRoom = 1;
    if (held.kernelPipe !== null) {
      const moved = held.kernelPipe.fill(
        from.fd,
        Math.min(most, alone ? SPLICED_MOST : SPLICED_IN_TURN),
      );
      if (moved !== -constants.errno.EINVAL) return moved;
      this.release(held);
    }
    return this.#copy(from, held, Math.min(most, alone ? COPIED_MOST : COPIED_IN_TURN));
  }

  /** Returns whether the bulk reader trusts the room that the kernel reports for `to`. */
  countsOnRoom(to: Side): boolean {
    if (this.#scarceUntil === 0 || !to.isTcp) return true;
    if (performance.now() >= this.#scarceUntil) this.#scarceUntil = 0;
    return this.#scarceUntil === 0;
  }

  /**
   * Returns the maximum size of one read, in bytes, for the room that `to` has; 0 or less if `to`
   * has no room.
   */
  #roomOf(to: Side, sparing: boolean): number {
    // A TCP receiver with much room has room for many reads. So most reads rely on the room that is
    // known (`roomLeast`), and the kernel need not be asked.
    const known = to.isTcp && !sparing && this.#scarceUntil === 0 ? to.roomLeast : 0;
    if (known >= COPIED_MOST) return known;
    const room = to.takesNow();
    if (room <= 0) return room;
    if (sparing) return Math.min(room, ROOM_LEAST);
    return this.countsOnRoom(to) ? Math.max(room, ROOM_LEAST) : ROOM_LEAST;
  }

  #copy(from: Side, held: HeldBytes, most: number): number {
    const length = this.#system.receive(from.fd, this.#buffer, most);
    if (length > 0) held.add(this.#buffer.subarray(0, length));
    return length;
  }

  /**
   * Checks whether the kernel has reduced the send buffer of `to`. If so, the bulk reader does not
   * trust the room of TCP sockets for a while. Call this if `to` did not take all bytes of a large
   * chunk or of a read.
   */
  cameShort(to: Side): void {
    if (to.isTcp && to.takesNow() < -EXCESS_MOST) this.#scarceUntil = performance.now() + SCARCITY;
  }

  /**
   * Makes sure that the next read does not overwrite the bytes that are left in `held`. If a kernel
   * pipe contains only a few of these bytes, moves them into memory and frees the kernel pipe for
   * another direction (see `PIPED_LEAST`).
   */
  keep(held: HeldBytes): void {
    const { kernelPipe } = held;
    if (kernelPipe === null) {
      held.copyLast();
    } else if (!held.receiverReads && kernelPipe.bytes < PIPED_LEAST) {
      held.takeOut(kernelPipe.bytes);
      this.release(held);
    }
  }

  /**
   * Takes back the kernel pipe that `read` lent to `held`, if there is one. Call this when the
   * relay no longer reads this direction by its own system calls, even if only for a while.
   */
  release(held: HeldBytes): void {
    const { kernelPipe } = held;
    if (kernelPipe === null) return;
    held.kernelPipe = null;
    this.#kernelPipes.giveBack(kernelPipe);
  }

  /** Counts a relay that has a connection. Call this when a relay has its first connection. */
  join(): void {
    this.#users += 1;
  }

  /**
   * Removes a relay from the relays that have a connection. If none is left, the free kernel pipes
   * and the watch for bytes are closed. Call this when the last connection of a relay has ended.
   */
  leave(): void {
    this.#users -= 1;
    if (this.#users > 0) return;
    this.#kernelPipes.closeFree();
    this.arrivals.close();
  }
}
