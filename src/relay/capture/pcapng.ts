/**
 * Makes the blocks of a pcapng file, the format that Wireshark and tcpdump read. The draft
 * draft-ietf-opsawg-pcapng defines the format. All numbers are in little-endian order.
 */

// The type of the block that begins a file; the same in both byte orders (draft, section 4.1).
const SECTION_HEADER = 0x0a0d0d0a;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
// The type of the block that describes a network interface (draft, section 4.2).
const INTERFACE_DESCRIPTION = 1;
// The type of the block that holds a packet (draft, section 4.3).
const ENHANCED_PACKET = 6;
/**
 * The link type of packets that begin with an IP header (LINKTYPE_RAW of
 * tcpdump.org/linktypes.html).
 */
const LINKTYPE_RAW = 101;

// The codes of options that any block can have (draft, section 3.5).
const OPT_END = 0;
const OPT_COMMENT = 1;
// The code of the option for the program that writes the file (draft, section 4.1).
const SHB_USERAPPL = 4;
// The codes of options of an interface (draft, section 4.2).
const IF_NAME = 2;
const IF_TSRESOL = 9;
/**
 * The resolution of the time stamps, as a negative exponent of 10: the value 9 means nanoseconds
 * (10^-9 seconds).
 */
const NANOSECONDS = 9;

/**
 * The offset of the packet in its block. Before the packet are the type, the length, the interface,
 * the time stamp (8 bytes), the captured length and the original length.
 */
export const PACKET_OFFSET = 28;

/**
 * The first bytes of every pcapng file. A file that begins with these bytes counts as a capture.
 */
export const MAGIC = Uint8Array.of(0x0a, 0x0d, 0x0d, 0x0a);

/**
 * Makes the beginning of a file: its section header and its one interface.
 *
 * @param program - the name and version of the program that writes the file
 * @param relay - the relay's addresses, as the name of the interface
 * @param cut - the maximum number of bytes that the file keeps of each packet; 0 for whole packets
 */
export function fileHeader(program: string, relay: string, cut: number): Uint8Array {
  const section = Buffer.alloc(16);
  section.writeUInt32LE(BYTE_ORDER_MAGIC, 0);
  section.writeUInt16LE(1, 4);
  // The value -1 means that the length of the section is unknown.
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
 * Makes the block of one packet. The caller writes the packet itself into the block, at
 * `PACKET_OFFSET`.
 *
 * @param time - nanoseconds since 1970
 * @param captured - the number of bytes that the block keeps of the packet
 * @param original - the number of bytes of the whole packet
 * @param comment - a text that is shown with the packet; null for none
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

/**
 * Returns the total length of the whole blocks at the beginning of `blocks`: as many blocks as fit
 * into `most` bytes.
 */
export function wholeBlocks(blocks: Uint8Array, most: number): number {
  if (blocks.length <= most) return blocks.length;
  const view = new DataView(blocks.buffer, blocks.byteOffset, blocks.length);
  let end = 0;
  for (;;) {
    const next = end + view.getUint32(end + 4, true);
    if (next > most) return end;
    end = next;
  }
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

/**
 * Returns the length of a field with its padding: each field of a block is filled up to a multiple
 * of 4 bytes.
 */
function padded(length: number): number {
  return (length + 3) & ~3;
}
