const FIRST_SIZE = 1024;

// The most bytes that one UTF-16 unit of a text takes in UTF-8.
const BYTES_A_UNIT = 3;

const ZERO = 0x30;
const LINE_FEED = 0x0a;
const SPACE = 0x20;
const TILDE = 0x7e;

const encoder = new TextEncoder();

/**
 * A text of many parts, as UTF-8 in one buffer. To join the parts as strings would allocate memory
 * for each part and for each join, and would double the cost of a busy access log.
 */
export class TextBuffer {
  #bytes = Buffer.allocUnsafeSlow(FIRST_SIZE);
  #length = 0;
  #isPlain = true;

  /** The number of bytes. */
  get length(): number {
    return this.#length;
  }

  /**
   * Whether all characters are printable ASCII, so that nothing in the text needs an escape. The
   * line feeds of `endLine` do not count.
   */
  get isPlain(): boolean {
    return this.#isPlain;
  }

  /** The memory of the text. The next change of the text may change these bytes. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** The number of bytes for which the buffer has memory. */
  get size(): number {
    return this.#bytes.length;
  }

  clear(): void {
    this.#length = 0;
    this.#isPlain = true;
  }

  append(text: string): void {
    this.#reserve(text.length);
    const bytes = this.#bytes;
    const start = this.#length;
    for (let index = 0; index < text.length; index += 1) {
      const code = text.charCodeAt(index);
      if (code < SPACE || code > TILDE) return this.#appendOther(text);
      bytes[start + index] = code;
    }
    this.#length = start + text.length;
  }

  /** Appends a line feed. */
  endLine(): void {
    this.#reserve(1);
    this.#bytes[this.#length] = LINE_FEED;
    this.#length += 1;
  }

  /** Appends the whole part of a number. The number must not be negative. */
  appendWhole(number: number): void {
    if (!(number < 2 ** 31)) return this.append(String(Math.floor(number)));
    let digits = 1;
    for (let rest = number | 0; rest >= 10; rest = (rest / 10) | 0) digits += 1;
    this.appendDigits(number, digits);
  }

  /** Appends the last `digits` digits of a whole number below 2 to the power of 31. */
  appendDigits(number: number, digits: number): void {
    this.#reserve(digits);
    let rest = number | 0;
    for (let at = this.#length + digits - 1; at >= this.#length; at -= 1) {
      const tens = (rest / 10) | 0;
      this.#bytes[at] = ZERO + rest - 10 * tens;
      rest = tens;
    }
    this.#length += digits;
  }

  /** Appends all of another text. */
  appendBuffer(other: TextBuffer): void {
    const { length } = other;
    this.#reserve(length);
    const to = this.#bytes;
    const from = other.#bytes;
    const start = this.#length;
    for (let index = 0; index < length; index += 1) to[start + index] = from[index] as number;
    this.#length = start + length;
    this.#isPlain &&= other.#isPlain;
  }

  toString(): string {
    return this.#bytes.toString(this.#isPlain ? "latin1" : "utf8", 0, this.#length);
  }

  #appendOther(text: string): void {
    this.#isPlain = false;
    this.#reserve(BYTES_A_UNIT * text.length);
    const { written } = encoder.encodeInto(text, this.#bytes.subarray(this.#length));
    this.#length += written;
  }

  #reserve(length: number): void {
    const needed = this.#length + length;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}
