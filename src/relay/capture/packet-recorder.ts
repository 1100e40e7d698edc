import { PACKET_OFFSET, packetBlock } from "./pcapng.ts";
import { HEADER_BYTES, lengthOf, type TcpPacket, writePacket } from "./tcp-packet.ts";

/** A function that takes whole blocks of a capture. */
export type BlockSink = (blocks: Uint8Array) => void;

// The number of recorded bytes at which the recorder passes the blocks to the sink immediately.
// Fewer bytes are passed to the sink at the end of the turn of the event loop.
const FLUSH_AT = 256 * 1024;

/** The time at which `Bun.nanoseconds()` was 0, in nanoseconds since 1970. */
const CLOCK_START = BigInt(Date.now()) * 1_000_000n - BigInt(Math.round(Bun.nanoseconds()));

/** Records the packets of one relay in one thread, in the order in which they happen. */
export class PacketRecorder {
  readonly #sink: BlockSink;
  readonly #cut: number;
  #blocks: Uint8Array[] = [];
  #bytes = 0;
  #flushing: ReturnType<typeof setImmediate> | undefined;
  #isOver = false;

  /**
   * @param cut - the maximum number of bytes that are recorded of each packet; Infinity for whole
   * packets
   */
  constructor(sink: BlockSink, cut: number) {
    this.#sink = sink;
    this.#cut = Math.max(cut, HEADER_BYTES);
  }

  /** Whether the recording has ended. */
  get isOver(): boolean {
    return this.#isOver;
  }

  record(packet: TcpPacket, comment: string | null): void {
    if (this.#isOver) return;
    const length = lengthOf(packet);
    const captured = Math.min(length, this.#cut);
    const time = CLOCK_START + BigInt(Math.round(Bun.nanoseconds()));
    const block = packetBlock(time, captured, length, comment);
    writePacket(block.subarray(PACKET_OFFSET, PACKET_OFFSET + captured), packet);
    this.#blocks.push(block);
    this.#bytes += block.length;
    if (this.#bytes >= FLUSH_AT) this.flush();
    else this.#flushing ??= setImmediate(() => this.flush());
  }

  /** Passes all recorded blocks to the sink. */
  flush(): void {
    clearImmediate(this.#flushing);
    this.#flushing = undefined;
    if (this.#bytes === 0) return;
    const blocks = Buffer.concat(this.#blocks, this.#bytes);
    this.#blocks = [];
    this.#bytes = 0;
    this.#sink(blocks);
  }

  /** Ends the recording, and drops the blocks that were not passed to the sink yet. */
  end(): void {
    this.#isOver = true;
    this.#blocks = [];
    this.#bytes = 0;
  }
}
