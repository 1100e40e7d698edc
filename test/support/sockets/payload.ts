/** What an end has read: how much, its hash, and how it came to an end. */
export interface Received {
  readonly length: number;
  readonly sha256: string;
}

// A prime, so that no buffer's size divides it: a lost, doubled or swapped piece always shows.
const PERIOD = 1_048_573;
const PIECE_MOST = 4 * 1024 * 1024;

const pool = makePool();

function makePool(): Uint8Array {
  const bytes = new Uint8Array(PERIOD + PIECE_MOST);
  const words = new Uint32Array(bytes.buffer, 0, Math.floor(PERIOD / 4));
  // xorshift32 (Marsaglia 2003): the same bytes in every run.
  let state = 0x9e3779b9;
  for (let index = 0; index < words.length; index += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[index] = state;
  }
  for (let at = PERIOD; at < bytes.length; at += PERIOD)
    bytes.copyWithin(at, 0, Math.min(PERIOD, bytes.length - at));
  return bytes;
}

/** Bytes to be sent. */
export interface Sendable {
  readonly length: number;
  /** Some bytes from `offset` on, at least one. */
  piece(offset: number): Uint8Array;
}

/** These very bytes, to be sent. */
export function literal(bytes: Uint8Array): Sendable {
  return { length: bytes.length, piece: (offset) => bytes.subarray(offset) };
}

/** Bytes that look random and that both ends know by their seed; they cost no memory. */
export class Payload implements Sendable {
  readonly #start: number;

  constructor(
    readonly length: number,
    seed = 1,
    skipped = 0,
  ) {
    this.#start = (seed * 7_919 + skipped) % PERIOD;
  }

  /**
   * Up to `most` bytes from `offset` on, at most 4 MiB. They are shared: nobody may change them.
   */
  piece(offset: number, most = PIECE_MOST): Uint8Array {
    const start = (this.#start + offset) % PERIOD;
    return pool.subarray(start, start + Math.min(most, PIECE_MOST, this.length - offset));
  }

  /** The first bytes of it. */
  first(length: number): Payload {
    return new Payload(length, 0, this.#start);
  }

  /** What is left of it after the first `offset` bytes. */
  rest(offset: number): Payload {
    return new Payload(this.length - offset, 0, this.#start + offset);
  }

  /** All of it, where it is small enough for one piece. */
  get bytes(): Uint8Array {
    if (this.length > PIECE_MOST) throw new RangeError("too long for one piece");
    return this.piece(0);
  }

  /** What an end has received that got the first `length` bytes and nothing else. */
  received(length = this.length): Received {
    const hash = new Bun.CryptoHasher("sha256");
    for (let offset = 0; offset < length;) {
      const piece = this.piece(offset, length - offset);
      hash.update(piece);
      offset += piece.length;
    }
    return { length, sha256: hash.digest("hex") };
  }
}
