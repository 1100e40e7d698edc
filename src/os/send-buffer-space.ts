import type { Libc } from "./libc.ts";
import { SO_MEMINFO, SOL_SOCKET } from "./linux-constants.ts";

// SO_MEMINFO returns an array of 32-bit numbers. The next three constants are indexes in this array
// (linux/sock_diag.h).

// The number of bytes that a Unix socket has sent and its peer has not read.
const WMEM_ALLOC = 2;
// The size of the send buffer, in bytes.
const SNDBUF = 3;
// The number of bytes in the send buffer of a TCP socket.
const WMEM_QUEUED = 5;
// The number of elements of the array that SO_MEMINFO returns: SK_MEMINFO_VARS.
const WORDS = 9;

const words = new Uint32Array(WORDS);
const WORDS_LEAST = (WMEM_QUEUED + 1) * Uint32Array.BYTES_PER_ELEMENT;

/**
 * The approximate number of bytes that a stream socket can take now; 0 or less if the socket takes
 * none. The number is not exact, because the kernel also counts its own bookkeeping. Infinity if
 * the kernel does not report the size (before Linux 4.12).
 */
export function sendBufferSpace(system: Libc, fd: number, isTcp: boolean): number {
  const length = system.getOptionWords(fd, SOL_SOCKET, SO_MEMINFO, words);
  if (length < WORDS_LEAST) return Infinity;
  const used = words[isTcp ? WMEM_QUEUED : WMEM_ALLOC] ?? 0;
  return (words[SNDBUF] ?? 0) - used;
}
