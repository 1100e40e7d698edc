// The minimum number of small chunks that all pipes pass on from one small chunk of a pipe to its
// next, so that the thread counts as crowded. With 16 busy connections there are 32 pipes.
const OTHERS_LEAST = 32;

// The number of small chunks, one after the other, that a pipe must pass on while its thread is
// crowded, before the pipe joins the crowd. So a short connection never joins.
const CHUNKS_BEFORE = 16;

// If fewer small chunks than this come in one turn of the event loop, on average, Bun's reads cost
// less than own reads (PROFILE.md).
const CHUNKS_A_TURN_LEAST = 4;
// The number of chunks over which the average is taken. It is large, so that the few chunks of a
// turn at the beginning and at the end of a busy time do not count much.
const CHUNKS_JUDGED = 4096;

// After a crowd that did not pay, no pipe joins for this time, in milliseconds.
const CLOSED = 10_000;

/** What a crowd notes of one pipe. */
export interface CrowdMember {
  /** The place of the pipe's latest small chunk in the count of all small chunks; 0 before it. */
  latestChunk: number;
  /** The number of the pipe's latest small chunks that came while the thread was crowded. */
  chunksInCrowd: number;
}

/**
 * Decides which pipes of a thread read small chunks without Bun, by the relay's own system calls.
 *
 * A small chunk is a request or an answer. Bun makes an object for each of its reads. If many
 * connections are busy, own reads cost a tenth less, because one look at an epoll instance of the
 * relay brings the bytes of many pipes. If few connections are busy, Bun's reads cost less, because
 * each look costs more than one of Bun's reads.
 */
export class Crowd {
  /** The number of small chunks that all pipes of the thread have passed on. */
  #chunks = 0;
  /**
   * The number of chunks since the latest judgement: those that the crowd has read, and those that
   * Bun has read while the thread was crowded.
   */
  #judged = 0;
  /** The number of the crowd's turns of the event loop since the latest judgement. */
  #turns = 0;
  /** The time, by `performance.now()`, until which no pipe joins; 0 while pipes may join. */
  #closedUntil = 0;

  /** Whether the pipes of the crowd must leave it, because their own reads do not pay. */
  get isOver(): boolean {
    return this.#closedUntil !== 0;
  }

  /**
   * Counts a small chunk of a pipe that is not in the crowd.
   *
   * @returns whether the pipe must join the crowd
   */
  chunkPassed(member: CrowdMember): boolean {
    this.#chunks += 1;
    const others = this.#chunks - member.latestChunk;
    member.latestChunk = this.#chunks;
    if (others < OTHERS_LEAST) {
      member.chunksInCrowd = 0;
      return false;
    }
    this.#judged += 1;
    member.chunksInCrowd += 1;
    return member.chunksInCrowd >= CHUNKS_BEFORE && this.#isOpen();
  }

  /** Call this after a turn of the event loop in which the crowd has read `chunks` chunks. */
  hasRead(chunks: number): void {
    this.#chunks += chunks;
    this.#judged += chunks;
    this.#turns += 1;
    if (this.#judged < CHUNKS_JUDGED) return;
    const pays = this.#judged >= CHUNKS_A_TURN_LEAST * this.#turns;
    if (!pays) this.#closedUntil = performance.now() + CLOSED;
    this.#judged = 0;
    this.#turns = 0;
  }

  #isOpen(): boolean {
    if (this.#closedUntil === 0) return true;
    if (performance.now() < this.#closedUntil) return false;
    this.#closedUntil = 0;
    return true;
  }
}
