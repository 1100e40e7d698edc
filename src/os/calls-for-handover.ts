import { dlopen, FFIType, ptr, read } from "bun:ffi";
import { constants } from "node:os";
import { errnoCode } from "./errno.ts";
import { LIBRARY_NAMES } from "./libc.ts";

const { ECHILD } = constants.errno;

// System calls that only a handover and the first process of a container need. A normal start does
// not load this module: import it on demand, and only if `libc` is not null.

/** A child process that has ended. */
export interface EndedChild {
  readonly pid: number;
  /** The exit status; 128 plus the signal's number if a signal ended the child, as in a shell. */
  readonly status: number;
}

// linux/prctl.h
const PR_SET_CHILD_SUBREAPER = 36;

// linux/wait.h, asm-generic/siginfo.h
const P_ALL = 0;
const P_PID = 1;
const WNOHANG = 1;
const WEXITED = 4;
const WNOWAIT = 0x1000000;
const CLD_EXITED = 1;

// The size of siginfo_t, and the offsets of a child's code, pid and status in it, on 64-bit Linux
// (sigaction(2)).
const SIGINFO_BYTES = 128;
const SI_CODE = 8;
const SI_PID = 16;
const SI_STATUS = 24;

// linux/time.h
const CLOCK_MONOTONIC = 1;

// A buffer for a message with one iovec and one descriptor on 64-bit Linux (sendmsg(2), cmsg(3)).
// The buffer begins with a struct msghdr; MSG_IOV to MSG_CONTROLLEN are the offsets of its fields.
// IOVEC, CMSG and BYTES are the offsets of the iovec, of the control message with the descriptor,
// and of the bytes to send. CMSG_LEN and CMSG_SPACE are the lengths of the control message without
// and with padding.
const MSG_IOV = 16;
const MSG_IOVLEN = 24;
const MSG_CONTROL = 32;
const MSG_CONTROLLEN = 40;
const IOVEC = 56;
const CMSG = 72;
const CMSG_LEN = 20;
const CMSG_SPACE = 24;
const BYTES = 96;

// asm-generic/socket.h, linux/socket.h
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_DONTWAIT_NOSIGNAL = 0x40 | 0x4000;

const c = open();
// The address of errno. Each thread has its own errno (errno(3)), but also its own instance of this
// module, so the address never changes here.
const errno = c.__errno_location();

/**
 * Makes this process the parent of all its orphaned descendants. prctl(2), PR_SET_CHILD_SUBREAPER.
 * Returns 0, or the errno as a negative number.
 */
export function becomeSubreaper(): number {
  return answer(c.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
}

/**
 * Finds a child that has ended; null if there is none. The status of the child can still be
 * collected later. waitid(2)
 */
export function peekEndedChild(): EndedChild | null {
  return waitFor(P_ALL, 0, WNOWAIT);
}

/**
 * Collects the status of a child; null if the child still runs, or is not a child of this process.
 * waitid(2)
 */
export function reapChild(pid: number): EndedChild | null {
  return waitFor(P_PID, pid, 0);
}

function waitFor(kind: number, pid: number, flags: number): EndedChild | null {
  const bytes = new Uint8Array(SIGINFO_BYTES);
  const result = answer(c.waitid(kind, pid, bytes, WEXITED | WNOHANG | flags));
  if (result === -ECHILD) return null;
  if (result < 0) throw new Error(`waitid: ${errnoCode(result)}`);
  const info = new DataView(bytes.buffer);
  const found = info.getInt32(SI_PID, true);
  if (found === 0) return null;
  const status = info.getInt32(SI_STATUS, true);
  return {
    pid: found,
    status: info.getInt32(SI_CODE, true) === CLD_EXITED ? status : 128 + status,
  };
}

/**
 * Returns the time of CLOCK_MONOTONIC in microseconds. systemd uses this clock to find the order of
 * events. clock_gettime(2)
 */
export function monotonicMicroseconds(): bigint {
  const time = new BigInt64Array(2);
  c.clock_gettime(CLOCK_MONOTONIC, time);
  const [seconds = 0n, nanoseconds = 0n] = time;
  return seconds * 1_000_000n + nanoseconds / 1_000n;
}

/**
 * Sends the message `bytes` and the descriptor `passed` through a Unix socket, without blocking.
 * `passed` also stays open in this process. Returns the number of bytes sent, or the errno as a
 * negative number. sendmsg(2), unix(7), SCM_RIGHTS.
 */
export function sendDescriptor(socket: number, bytes: Uint8Array, passed: number): number {
  // Create the ArrayBuffer first and take pointers into it. If a typed array is created without an
  // ArrayBuffer, its bytes may move in memory when `.buffer` is first read, and earlier pointers
  // become wrong.
  const view = new DataView(new ArrayBuffer(BYTES + bytes.length));
  const message = new Uint8Array(view.buffer);
  const start = BigInt(ptr(message));
  message.set(bytes, BYTES);
  const setWord = (at: number, word: bigint) => view.setBigUint64(at, word, true);
  setWord(MSG_IOV, start + BigInt(IOVEC));
  setWord(MSG_IOVLEN, 1n);
  setWord(MSG_CONTROL, start + BigInt(CMSG));
  setWord(MSG_CONTROLLEN, BigInt(CMSG_SPACE));
  setWord(IOVEC, start + BigInt(BYTES));
  setWord(IOVEC + 8, BigInt(bytes.length));
  setWord(CMSG, BigInt(CMSG_LEN));
  view.setInt32(CMSG + 8, SOL_SOCKET, true);
  view.setInt32(CMSG + 12, SCM_RIGHTS, true);
  view.setInt32(CMSG + 16, passed, true);
  return answer(Number(c.sendmsg(socket, message, MSG_DONTWAIT_NOSIGNAL)));
}

function answer(result: number): number {
  if (result >= 0) return result;
  if (errno === null) throw new Error("the C library has no errno");
  return -read.i32(errno, 0);
}

function open() {
  const reasons: unknown[] = [];
  for (const library of LIBRARY_NAMES) {
    try {
      return openLibrary(library);
    } catch (error) {
      reasons.push(error);
    }
  }
  throw reasons[0];
}

function openLibrary(library: string) {
  return dlopen(library, {
    prctl: {
      args: [FFIType.i32, FFIType.u64_fast, FFIType.u64_fast, FFIType.u64_fast, FFIType.u64_fast],
      returns: FFIType.i32,
    },
    waitid: {
      args: [FFIType.i32, FFIType.u32, FFIType.ptr, FFIType.i32],
      returns: FFIType.i32,
    },
    clock_gettime: { args: [FFIType.i32, FFIType.ptr], returns: FFIType.i32 },
    sendmsg: { args: [FFIType.i32, FFIType.ptr, FFIType.i32], returns: FFIType.i64_fast },
    __errno_location: { args: [], returns: FFIType.ptr },
  }).symbols;
}
