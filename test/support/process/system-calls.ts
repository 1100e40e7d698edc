import { dlopen, FFIType, read } from "bun:ffi";
import { constants } from "node:os";

/** The name of an errno, as `ECONNRESET`. */
export type Errno = `E${string}`;

// Numbers of Linux, the same on x86-64 and arm64 (asm-generic/socket.h, asm-generic/poll.h).
export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;
export const POLLIN = 0x1;
export const POLLOUT = 0x4;
export const POLLHUP = 0x10;
export const POLLNVAL = 0x20;
export const SHUT_RD = 0;
export const SHUT_WR = 1;
export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
export const SO_TYPE = 3;
export const SO_ERROR = 4;
export const SO_SNDBUF = 7;
export const SO_RCVBUF = 8;
export const SO_LINGER = 13;
export const SO_ACCEPTCONN = 30;
export const IPPROTO_TCP = 6;
export const TCP_NODELAY = 1;
export const FIONREAD = 0x541b;
export const SIOCOUTQ = 0x5411;

export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_SEQPACKET = 5;
const SOCK_NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;
/** The byte is urgent: it stands beside the stream. send(2) */
export const MSG_OOB = 1;
const MSG_DONTWAIT_NOSIGNAL = 0x40 | 0x4000;
const RLIMIT_NOFILE = 7;

const { i32, u32, ptr, u64_fast, i64_fast } = FFIType;

// The tests bring calls of their own: those of src/os are among what is tested.
function open() {
  const libraries = [
    "libc.so.6",
    `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`,
  ] as const;
  const failures: unknown[] = [];
  for (const library of libraries) {
    try {
      return dlopen(library, {
        socket: { args: [i32, i32, i32], returns: i32 },
        connect: { args: [i32, ptr, u32], returns: i32 },
        bind: { args: [i32, ptr, u32], returns: i32 },
        listen: { args: [i32, i32], returns: i32 },
        accept4: { args: [i32, ptr, ptr, i32], returns: i32 },
        send: { args: [i32, ptr, u64_fast, i32], returns: i64_fast },
        recv: { args: [i32, ptr, u64_fast, i32], returns: i64_fast },
        shutdown: { args: [i32, i32], returns: i32 },
        setsockopt: { args: [i32, i32, i32, ptr, u32], returns: i32 },
        getsockopt: { args: [i32, i32, i32, ptr, ptr], returns: i32 },
        getsockname: { args: [i32, ptr, ptr], returns: i32 },
        getpeername: { args: [i32, ptr, ptr], returns: i32 },
        ioctl: { args: [i32, u64_fast, ptr], returns: i32 },
        poll: { args: [ptr, u64_fast, i32], returns: i32 },
        dup: { args: [i32], returns: i32 },
        prlimit: { args: [i32, i32, ptr, ptr], returns: i32 },
        setxattr: { args: [ptr, ptr, ptr, u64_fast, i32], returns: i32 },
        getxattr: { args: [ptr, ptr, ptr, u64_fast], returns: i64_fast },
        close: { args: [i32], returns: i32 },
        __errno_location: { args: [], returns: ptr },
      }).symbols;
    } catch (error) {
      failures.push(error);
    }
  }
  throw new AggregateError(failures, "the tests need the C library through bun:ffi");
}

const c = open();
const errno = c.__errno_location();
if (errno === null) throw new Error("the C library has no errno");
const errnoAt = errno;

const length = new Uint32Array(1);

function answer(result: number | bigint): number {
  return result < 0 ? -read.i32(errnoAt, 0) : Number(result);
}

// Of two names of one number the first is the usual one: EAGAIN, not EWOULDBLOCK.
const names = new Map(
  Object.entries(constants.errno)
    .toReversed()
    .map(([name, number]) => [number, name]),
);

/** The name of the negative errno that a call below returned. */
export function errnoName(result: number): Errno {
  return (names.get(-result) ?? `E${-result}`) as Errno;
}

/** A failed system call that a test did not expect. */
export class SystemCallError extends Error {
  constructor(
    readonly call: string,
    readonly errno: Errno,
  ) {
    super(`${call}: ${errno}`);
    this.name = "SystemCallError";
  }
}

/** The result of a call that must succeed. */
export function must(call: string, result: number): number {
  if (result < 0) throw new SystemCallError(call, errnoName(result));
  return result;
}

/**
 * System calls as they are: each returns a result of zero or more, or the errno as a negative
 * number. Sockets are non-blocking and closed on exec.
 */
export const system = {
  socket: (family: number, type = SOCK_STREAM, protocol = 0) =>
    answer(c.socket(family, type | SOCK_NONBLOCK_CLOEXEC, protocol)),
  connect: (fd: number, name: Uint8Array) => answer(c.connect(fd, name, name.length)),
  bind: (fd: number, name: Uint8Array) => answer(c.bind(fd, name, name.length)),
  listen: (fd: number, backlog: number) => answer(c.listen(fd, backlog)),
  accept: (fd: number) => answer(c.accept4(fd, null, null, SOCK_NONBLOCK_CLOEXEC)),
  send: (fd: number, bytes: Uint8Array, flags = 0) =>
    bytes.length === 0 ? 0 : answer(c.send(fd, bytes, bytes.length, MSG_DONTWAIT_NOSIGNAL | flags)),
  receive: (fd: number, into: Uint8Array, most = into.length) =>
    answer(c.recv(fd, into, most, MSG_DONTWAIT_NOSIGNAL)),
  shutdown: (fd: number, how: number) => answer(c.shutdown(fd, how)),
  setOption: (fd: number, level: number, option: number, value: Int32Array) =>
    answer(c.setsockopt(fd, level, option, value, value.byteLength)),
  getOption(fd: number, level: number, option: number): number {
    const value = new Int32Array(1);
    length[0] = value.byteLength;
    const result = answer(c.getsockopt(fd, level, option, value, length));
    return result < 0 ? result : (value[0] ?? 0);
  },
  ownName: (fd: number) => nameOf(c.getsockname, fd),
  peerName: (fd: number) => nameOf(c.getpeername, fd),
  /** The int that a request of ioctl(2) fills in: `FIONREAD` or `SIOCOUTQ`. */
  count(fd: number, request: number): number {
    const value = new Int32Array(1);
    const result = answer(c.ioctl(fd, request, value));
    return result < 0 ? result : (value[0] ?? 0);
  },
  /**
   * poll(2) on several descriptors: the events that came, in the order of `wanted`. Blocks this
   * thread for up to `timeout` milliseconds.
   */
  poll(wanted: readonly { readonly fd: number; readonly events: number }[], timeout: number) {
    const entries = new Int32Array(wanted.length * 2);
    const shorts = new Int16Array(entries.buffer);
    wanted.forEach(({ fd, events }, index) => {
      entries[2 * index] = fd;
      shorts[4 * index + 2] = events;
    });
    must("poll", answer(c.poll(entries, wanted.length, timeout)));
    return wanted.map((_, index) => shorts[4 * index + 3] ?? 0);
  },
  duplicate: (fd: number) => answer(c.dup(fd)),
  /** Sets this process's soft limit of descriptors, and returns the limit before. prlimit(2) */
  limitDescriptors(soft: number): number {
    const limits = new BigUint64Array(2);
    must("prlimit", answer(c.prlimit(0, RLIMIT_NOFILE, null, limits)));
    const [before = 0n] = limits;
    limits[0] = BigInt(soft);
    must("prlimit", answer(c.prlimit(0, RLIMIT_NOFILE, limits, null)));
    return Number(before);
  },
  /** setxattr(2) */
  setAttribute: (path: string, name: string, value: Uint8Array) =>
    answer(c.setxattr(cString(path), cString(name), value, value.length, 0)),
  /** Fills `value` with an attribute of a file and returns its length. getxattr(2) */
  attribute: (path: string, name: string, value: Uint8Array) =>
    answer(c.getxattr(cString(path), cString(name), value, value.length)),
  close: (fd: number) => answer(c.close(fd)),
} as const;

function cString(text: string): Uint8Array {
  return Buffer.from(`${text}\0`);
}

type NameCall = typeof c.getsockname;

function nameOf(call: NameCall, fd: number): Uint8Array {
  // sockaddr_un, the longest of them, has 110 bytes (unix(7)).
  const bytes = new Uint8Array(128);
  length[0] = bytes.length;
  must("getsockname", answer(call(fd, bytes, length)));
  return bytes.subarray(0, length[0]);
}
