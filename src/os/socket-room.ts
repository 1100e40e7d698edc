import { type Libc, SO_MEMINFO, SOL_SOCKET } from "./libc.ts";

// Words of SO_MEMINFO (linux/sock_diag.h, SK_MEMINFO_VARS). A socket of TCP is full by what is queued, a
// Unix socket by what its peer has not read.
const WMEM_ALLOC = 2;
const SNDBUF = 3;
const WMEM_QUEUED = 5;
const WORDS = 9;

const words = new Uint32Array(WORDS);
const WORDS_LEAST = (WMEM_QUEUED + 1) * Uint32Array.BYTES_PER_ELEMENT;

/**
 * How many bytes a stream socket takes now, about: the kernel counts its own bookkeeping too. If it takes
 * none, the result is 0 or less. Infinity if the kernel does not tell (before Linux 4.12).
 */
export function socketRoom(system: Libc, fd: number, isTcp: boolean): number {
  const length = system.getOptionWords(fd, SOL_SOCKET, SO_MEMINFO, words);
  if (length < WORDS_LEAST) return Infinity;
  const used = words[isTcp ? WMEM_QUEUED : WMEM_ALLOC] ?? 0;
  return (words[SNDBUF] ?? 0) - used;
}
