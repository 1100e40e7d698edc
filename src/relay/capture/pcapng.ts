/**
 * Blocks of a pcapng file: the draft draft-ietf-opsawg-pcapng, which Wireshark and tcpdump read.
 * "Section" below means a section of that draft. All numbers are in little-endian order.
 */

// Section 4.1: the type of a section header is the same in both byte orders.
const SECTION_HEADER = 0x0a0d0d0a;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
// Section 4.2.
const INTERFACE_DESCRIPTION = 1;
// Section 4.3.
const ENHANCED_PACKET = 6;
/** The packets begin with an IP header (LINKTYPE_RAW of tcpdump.org/linktypes.html). */
const LINKTYPE_RAW = 101;

// Options: section 3.5 for comments, 4.1 for the writer, 4.2 for interfaces.
const OPT_END = 0;
const OPT_COMMENT = 1;
const SHB_USERAPPL = 4;
const IF_NAME = 2;
const IF_TSRESOL = 9;
/** Time stamps count nanoseconds: 10 to the power of -9. */
const NANOSECONDS = 9;

/** Before the packet: type, length, interface, time stamp (8 bytes), captured and original length. */
export const PACKET_OFFSET = 28;

/** The first bytes of a file, by which a file is known to be a capture. */
export const MAGIC = Uint8Array.of(0x0a, 0x0d, 0x0d, 0x0a);

/**
 * The beginning of a file: its section header and its one interface.
 *
 * @param cut - the most bytes of a packet that the file has; 0 for all
 */
export function fileHeader(program: string, relay: string, cut: number): Uint8Array {
  const section = Buffer.alloc(16);
  section.writeUInt32LE(BYTE_ORDER_MAGIC, 0);
  section.writeUInt16LE(1, 4);
  // The length of the section is unknown: -1.
  section.fill(0xff, 8);
  const description = Buffer.alloc(8);
  description.writeUInt16LE(LINKTYPE_RAW, 0);
  description.writeUInt32LE(cut, 4);
  return Buffer.concat([
    block(SECTION_HEADER, [section, option(SHB_USERAPPL, program), END]),
    block(INTERFACE_DESCRIPTION, [
      description,
      option(IF_NAME, relay),
      option(IF_TSRESOL, Uint8Array.of(NANOSECONDS)),
      END,
    ]),
  ]);
}

/**
 * A block for one packet, in which the caller writes the packet from `PACKET_OFFSET` on.
 *
 * @param time - nanoseconds since 1970
 * @param captured - how many bytes of the packet the block has
 * @param original - how many bytes the packet has
 */
export function packetBlock(
  time: bigint,
  captured: number,
  original: number,
  comment: string | null,
): Buffer<ArrayBuffer> {
  const options = comment === null ? NOTHING : Buffer.concat([option(OPT_COMMENT, comment), END]);
  const end = PACKET_OFFSET + padded(captured);
  const length = end + options.length + 4;
  const bytes = Buffer.from(new ArrayBuffer(length));
  bytes.writeUInt32LE(ENHANCED_PACKET, 0);
  bytes.writeUInt32LE(length, 4);
  bytes.writeUInt32LE(Number(time >> 32n), 12);
  bytes.writeUInt32LE(Number(time & 0xffff_ffffn), 16);
  bytes.writeUInt32LE(captured, 20);
  bytes.writeUInt32LE(original, 24);
  bytes.set(options, end);
  bytes.writeUInt32LE(length, length - 4);
  return bytes;
}

const NOTHING = Buffer.alloc(0);
const END = Buffer.from(Uint16Array.of(OPT_END, 0).buffer);

function block(type: number, parts: readonly Uint8Array[]): Uint8Array {
  const body = Buffer.concat(parts);
  const bytes = Buffer.alloc(body.length + 12);
  bytes.writeUInt32LE(type, 0);
  bytes.writeUInt32LE(bytes.length, 4);
  bytes.set(body, 8);
  bytes.writeUInt32LE(bytes.length, bytes.length - 4);
  return bytes;
}

function option(code: number, value: string | Uint8Array): Uint8Array {
  const body = Buffer.from(value);
  const bytes = Buffer.alloc(4 + padded(body.length));
  bytes.writeUInt16LE(code, 0);
  bytes.writeUInt16LE(body.length, 2);
  bytes.set(body, 4);
  return bytes;
}

/** Everything in a block is filled up to a multiple of 4 bytes. */
function padded(length: number): number {
  return (length + 3) & ~3;
}
