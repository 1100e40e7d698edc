import type { Libc } from "./libc.ts";
import { IPPROTO_TCP, TCP_INFO } from "./linux-constants.ts";

/** The kernel's figures about sending to the peer of a TCP connection. */
export interface TcpInfo {
  /** The number of segments that were sent and that the peer has not acknowledged. */
  readonly unacknowledged: number;
  /**
   * The number of bytes not sent yet, because the peer's window is full or earlier bytes are in
   * flight.
   */
  readonly waiting: number;
  /** The number of probes (zero-window or keepalive) sent since the peer's last answer. */
  readonly probes: number;
  /** The total number of retransmitted segments. */
  readonly retransmissions: number;
  /** The milliseconds since the peer's last ACK, whether or not the ACK acknowledged new data. */
  readonly sinceAnswer: number;
}

// The length of a struct tcp_info as of Linux 4.6, and the offsets of fields in it (linux/tcp.h).
// Later kernels only add fields at the end.
const LENGTH = 148;
const RETRANSMITS = 2;
const PROBES = 3;
const UNACKED = 24;
const LAST_ACK_RECV = 56;
const TOTAL_RETRANS = 100;
const BYTES_RECEIVED = 128;
const NOTSENT_BYTES = 144;

const words = new Uint32Array(LENGTH / Uint32Array.BYTES_PER_ELEMENT);
const fields = new DataView(words.buffer);
const IS_LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/**
 * Asks the kernel about a TCP connection; null if `fd` is not a TCP socket, and before Linux 4.6.
 * tcp(7), TCP_INFO
 */
export function readTcpInfo(system: Libc, fd: number): TcpInfo | null {
  if (system.getOptionWords(fd, IPPROTO_TCP, TCP_INFO, words) !== LENGTH) return null;
  return {
    unacknowledged: number(UNACKED),
    waiting: number(NOTSENT_BYTES),
    probes: fields.getUint8(PROBES),
    // The sum of two counters. TOTAL_RETRANS does not contain a retransmission that could not leave
    // this machine: the kernel counts it only in RETRANSMITS, and sets RETRANSMITS to 0 when the
    // peer answers.
    retransmissions: number(TOTAL_RETRANS) + fields.getUint8(RETRANSMITS),
    sinceAnswer: number(LAST_ACK_RECV),
  };
}

/**
 * Returns the number of bytes that the kernel has received in order on a TCP connection; null if
 * `fd` is not a TCP socket, and before Linux 4.6. The kernel counts the peer's FIN as one more byte
 * (tcp_rcv_nxt_update()).
 */
export function readBytesReceived(system: Libc, fd: number): number | null {
  if (system.getOptionWords(fd, IPPROTO_TCP, TCP_INFO, words) !== LENGTH) return null;
  return Number(fields.getBigUint64(BYTES_RECEIVED, IS_LITTLE_ENDIAN));
}

function number(offset: number): number {
  return fields.getUint32(offset, IS_LITTLE_ENDIAN);
}
