import { IPPROTO_TCP, type Libc, TCP_INFO } from "./libc.ts";

/** What the kernel knows of a TCP connection's way to its peer. */
export interface TcpInfo {
  /** Segments that were sent and that the peer has not acknowledged. */
  readonly unacknowledged: number;
  /** Bytes that wait to be sent, because the peer has no room or earlier ones are on their way. */
  readonly waiting: number;
  /** Probes of a peer without room that were sent since its last answer. */
  readonly probes: number;
  /** Counts up with every segment that is sent again. */
  readonly retransmissions: number;
  /** Milliseconds since the peer last acknowledged anything, be it only that it is there. */
  readonly sinceAnswer: number;
}

// struct tcp_info of linux/tcp.h up to a field of Linux 4.6; fields are only ever added at its end.
const LENGTH = 148;
const RETRANSMITS = 2;
const PROBES = 3;
const UNACKED = 24;
const LAST_ACK_RECV = 56;
const TOTAL_RETRANS = 100;
const NOTSENT_BYTES = 144;

const words = new Uint32Array(LENGTH / Uint32Array.BYTES_PER_ELEMENT);
const fields = new DataView(words.buffer);
const IS_LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** Asks the kernel about a TCP connection; null if it is none. tcp(7), TCP_INFO */
export function readTcpInfo(system: Libc, fd: number): TcpInfo | null {
  if (system.getOptionWords(fd, IPPROTO_TCP, TCP_INFO, words) !== LENGTH) return null;
  return {
    unacknowledged: number(UNACKED),
    waiting: number(NOTSENT_BYTES),
    probes: fields.getUint8(PROBES),
    // Of a segment that could not even leave, the kernel counts only the attempt, and forgets that
    // when the peer answers.
    retransmissions: number(TOTAL_RETRANS) + fields.getUint8(RETRANSMITS),
    sinceAnswer: number(LAST_ACK_RECV),
  };
}

function number(offset: number): number {
  return fields.getUint32(offset, IS_LITTLE_ENDIAN);
}
