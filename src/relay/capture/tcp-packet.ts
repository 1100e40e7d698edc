/** A TCP packet over IPv4: RFC 791 section 3.1, RFC 9293 section 3.1. */
export interface TcpPacket {
  readonly from: PacketEnd;
  readonly to: PacketEnd;
  /** The sequence number; the packet contains the number modulo 2^32. */
  readonly sequence: number;
  readonly acknowledgement: number;
  readonly flags: number;
  readonly payload: Uint8Array;
}

/** One end of a captured conversation. */
export interface PacketEnd {
  /** The 4 bytes of an IPv4 address. */
  readonly address: Uint8Array;
  readonly port: number;
}

export const FIN = 0x01;
export const SYN = 0x02;
export const RST = 0x04;
export const PSH = 0x08;
export const ACK = 0x10;

const IP_BYTES = 20;
const TCP_BYTES = 20;
/** The number of bytes before the payload. A packet with SYN has options after these bytes. */
export const HEADER_BYTES = IP_BYTES + TCP_BYTES;

/**
 * The maximum number of bytes of payload, because the length field of an IPv4 packet has 16 bits.
 */
export const PAYLOAD_MOST = 65_535 - HEADER_BYTES;

// The options of a packet with SYN: the maximum segment size, which is `PAYLOAD_MOST` (RFC 9293
// 3.7.1), one byte of padding, and the largest window scale (RFC 7323 2.2). With this scale the
// window is larger than any number of bytes that the relay reads at once.
const SYN_OPTIONS = Uint8Array.of(2, 4, PAYLOAD_MOST >> 8, PAYLOAD_MOST & 0xff, 1, 3, 3, 14);

/** The number of bytes of a packet. */
export function lengthOf({ flags, payload }: TcpPacket): number {
  return HEADER_BYTES + ((flags & SYN) === 0 ? 0 : SYN_OPTIONS.length) + payload.length;
}

const TCP = 6;
const WINDOW = 0xffff;

/**
 * Writes a packet at the beginning of `target`. If `target` is too short, the end of the packet is
 * left out. If the packet has SYN, `packet.payload` must be empty, because the function writes
 * `SYN_OPTIONS` in its place.
 */
export function writePacket(target: Buffer, packet: TcpPacket): void {
  const { from, to, flags } = packet;
  const payload = (flags & SYN) === 0 ? packet.payload : SYN_OPTIONS;
  const header = Buffer.alloc(HEADER_BYTES);
  // IP version 4, and the header length of 5 words.
  header[0] = 0x45;
  header.writeUInt16BE(HEADER_BYTES + payload.length, 2);
  // The flag "don't fragment".
  header[6] = 0x40;
  // The time to live.
  header[8] = 64;
  header[9] = TCP;
  header.set(from.address, 12);
  header.set(to.address, 16);
  header.writeUInt16BE(fold(sumOf(header, 0, IP_BYTES)), 10);
  header.writeUInt16BE(from.port, 20);
  header.writeUInt16BE(to.port, 22);
  header.writeUInt32BE(packet.sequence >>> 0, 24);
  header.writeUInt32BE(packet.acknowledgement >>> 0, 28);
  // The header length: 5 words, or 7 words with the options of SYN.
  header[32] = (flags & SYN) === 0 ? 0x50 : 0x70;
  header[33] = flags;
  header.writeUInt16BE(WINDOW, 34);
  const length = TCP_BYTES + payload.length;
  // The checksum includes the pseudo header: both addresses, the protocol and the length.
  const sum = sumOf(header, 12, HEADER_BYTES) + TCP + length + sumOf(payload, 0, payload.length);
  header.writeUInt16BE(fold(sum), 36);
  target.set(header.subarray(0, target.length));
  if (target.length > HEADER_BYTES)
    target.set(payload.subarray(0, target.length - HEADER_BYTES), HEADER_BYTES);
}

/**
 * The sum of 16-bit words in network order. If the number of bytes is odd, a zero byte is added
 * (RFC 1071).
 */
function sumOf(bytes: Uint8Array, start: number, end: number): number {
  let sum = 0;
  let at = start;
  for (; at + 1 < end; at += 2) sum += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  if (at < end) sum += (bytes[at] ?? 0) << 8;
  return sum;
}

/** Makes the checksum from a sum of 16-bit words (RFC 1071). */
function fold(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded % 0x1_0000) + Math.floor(folded / 0x1_0000);
  return ~folded & 0xffff;
}
