// The Castagnoli polynomial with its bits in reverse order (RFC 3720 12.1).
const POLYNOMIAL = 0x82f63b78;

/** The CRC-32C of some bytes (RFC 3720 appendix B.4), as an unsigned number. */
export function crc32c(bytes: Uint8Array): number {
  // The loop handles one bit at a time. This is fast enough, because only the headers of proxies
  // are checked, and these headers are short.
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
  }
  return ~crc >>> 0;
}
