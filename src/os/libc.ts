import { dlopen, FFIType, read } from "bun:ffi";

/**
 * The system calls that Bun's sockets do not offer. Each returns the kernel's own answer: a result
 * of zero or more, or the errno as a negative number (`-111` for ECONNREFUSED).
 *
 * Only this folder uses bun:ffi, which Bun's documentation calls experimental. If FFI is
 * unavailable (`loaded` has the reason), each caller has a simpler fallback, named beside the call.
 */
export interface Libc {
  /** A non-blocking socket, closed on exec; the caller owns the descriptor. socket(2) */
  socket(family: number, type: number): number;
  /**
   * Two connected sockets, non-blocking and closed on exec; `ends` gets the descriptors, which the
   * caller owns. socketpair(2)
   */
  socketPair(family: number, type: number, ends: Int32Array): number;
  /** connect(2) */
  connect(fd: number, address: Uint8Array): number;
  /** bind(2) */
  bind(fd: number, address: Uint8Array): number;
  /**
   * Sends bytes; returns the number of bytes that the kernel took. Never blocks or raises SIGPIPE.
   * send(2)
   */
  send(fd: number, bytes: Uint8Array): number;
  /**
   * Reads at most `length` bytes; returns the number of bytes read, 0 at the end of stream. Never
   * blocks. recv(2)
   */
  receive(fd: number, bytes: Uint8Array, length: number): number;
  /** Makes a pipe, closed on exec; puts its read end, then its write end into `ends`. pipe2(2) */
  pipe(ends: Int32Array): number;
  /** Asks for a pipe capacity in bytes; returns the capacity granted. fcntl(2), F_SETPIPE_SZ */
  setPipeSize(fd: number, size: number): number;
  /**
   * Moves bytes in the kernel to or from a pipe; returns the number of bytes moved. Never blocks.
   * splice(2)
   */
  splice(from: number, to: number, length: number): number;
  /** Reads at most `bytes.length` bytes into `bytes`; returns the number of bytes read. read(2) */
  read(fd: number, bytes: Uint8Array): number;
  /** Makes a socket listen, or changes the queue length of a listening socket. listen(2) */
  listen(fd: number, backlog: number): number;
  /** A second descriptor of the same open file, closed on exec. fcntl(2), F_DUPFD_CLOEXEC */
  duplicate(fd: number): number;
  /** Makes `target` a second descriptor of `fd`'s open file, closed on exec. dup3(2) */
  replace(fd: number, target: number): number;
  /** Sets the flags of an inherited descriptor: non-blocking, closed on exec. fcntl(2) */
  prepare(fd: number): number;
  /**
   * Adds or removes the registration of `fd` with an epoll instance. `event` is a struct
   * epoll_event. epoll_ctl(2)
   */
  epollControl(epoll: number, operation: number, fd: number, event: Uint8Array): number;
  /** The value of an int option. The options used here are never negative. getsockopt(2) */
  getOption(fd: number, level: number, option: number): number;
  /**
   * Fills `words` with an option of several ints and returns its length in bytes. Some options give
   * -ERANGE if `words` is too short. getsockopt(2)
   */
  getOptionWords(fd: number, level: number, option: number, words: Uint32Array): number;
  /** Fills `address` with the socket's own address and returns its length. getsockname(2) */
  name(fd: number, address: Uint8Array): number;
  /** Fills `address` with the peer's address and returns its length. getpeername(2) */
  peerName(fd: number, address: Uint8Array): number;
  /** Sets an option of type int. setsockopt(2) */
  setOption(fd: number, level: number, option: number, value: number): number;
  /**
   * The number of bytes sent that the peer has not received yet: SIOCOUTQ of tcp(7) and unix(7).
   */
  unsent(fd: number): number;
  /** The number of bytes received that have not been read yet: SIOCINQ of tcp(7) and unix(7). */
  unread(fd: number): number;
  /** Stops reading from a socket; the writes of a Unix peer then fail. shutdown(2), SHUT_RD */
  shutReading(fd: number): number;
  /** Ends the stream to a socket's peer, for all descriptors of the socket. shutdown(2), SHUT_WR */
  shutWriting(fd: number): number;
  /** 1 if both directions of a socket have ended, else 0. poll(2), POLLHUP */
  hungUp(fd: number): number;
  /**
   * 1 if a socket is writable, else 0. The kernel calls a socket writable if a third of its send
   * buffer is free (TCP), or three quarters (Unix). poll(2), POLLOUT
   */
  writable(fd: number): number;
  /** The flags of an interface in this process's network namespace. netdevice(7), SIOCGIFFLAGS */
  interfaceFlags(name: string): number;
  /** Locks an open file or folder, without blocking. flock(2), LOCK_EX */
  lock(fd: number): number;
  /**
   * Renames a file. `RENAME_NOREPLACE` gives -EEXIST if `to` exists; `RENAME_EXCHANGE` swaps two
   * files. -EINVAL if the file system does not support the flag. renameat2(2)
   */
  rename(from: string, to: string, flags: number): number;
  /** Removes an extended attribute of a file. removexattr(2) */
  removeAttribute(path: string, name: string): number;
  /** Fills `target` with the target of an open symbolic link; returns its length. readlinkat(2) */
  readLink(fd: number, target: Uint8Array): number;
  /** Moves this thread into the network namespace of an open file. setns(2), CLONE_NEWNET */
  enterNetwork(fd: number): number;
  close(fd: number): number;
}

/** The libc of this process, or the reason why it is unavailable. */
export type LibcOrReason =
  { readonly libc: Libc } | { readonly libc: null; readonly reason: string };

// Linux constants, the same on x86-64 and arm64 (asm-generic/socket.h, linux/in.h, linux/tcp.h).
export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const SOL_SOCKET = 1;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SO_REUSEADDR = 2;
export const SO_TYPE = 3;
export const SO_ERROR = 4;
export const SO_KEEPALIVE = 9;
export const SO_PEERCRED = 17;
export const SO_ACCEPTCONN = 30;
export const SO_MEMINFO = 55;
export const SO_PEERGROUPS = 59;
export const SO_NETNS_COOKIE = 71;
export const IPPROTO_IP = 0;
export const IPPROTO_TCP = 6;
export const IPPROTO_IPV6 = 41;
export const IP_FREEBIND = 15;
export const IPV6_V6ONLY = 26;
export const IPV6_FREEBIND = 78;
export const TCP_KEEPIDLE = 4;
export const TCP_KEEPINTVL = 5;
export const TCP_KEEPCNT = 6;
export const TCP_INFO = 11;
export const TCP_SAVE_SYN = 27;
export const TCP_SAVED_SYN = 28;
// linux/fs.h
export const RENAME_NOREPLACE = 1;
export const RENAME_EXCHANGE = 2;
export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_DEL = 2;

const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
// pipe2(2) and socket(2) use the same two flags.
const SOCK_NONBLOCK_CLOEXEC = O_NONBLOCK | O_CLOEXEC;
const F_SETFD = 2;
const F_GETFL = 3;
const F_SETFL = 4;
const FD_CLOEXEC = 1;
const F_DUPFD_CLOEXEC = 1030;
const F_SETPIPE_SZ = 1031;
const MSG_DONTWAIT = 0x40;
const MSG_DONTWAIT_NOSIGNAL = MSG_DONTWAIT | 0x4000;
const SPLICE_F_NONBLOCK = 2;
const SIOCGIFFLAGS = 0x8913;
const SIOCINQ = 0x541b;
const SIOCOUTQ = 0x5411;
const CLONE_NEWNET = 0x4000_0000;
const LOCK_EX_NB = 2 | 4;
const SHUT_RD = 0;
const SHUT_WR = 1;
const POLLOUT = 0x4;
const POLLHUP = 0x10;
// struct pollfd: an int (the descriptor), then two shorts (requested events, returned events).
const POLLFD_REVENTS = 3;
const AT_FDCWD = -100;
// The number of the system call renameat2 on x86-64 and on arm64 (asm/unistd.h), because glibc 2.27
// and musl have no function for the call.
const SYS_RENAMEAT2 = process.arch === "arm64" ? 276 : 316;
const EMPTY_NAME = new Uint8Array(1);

// struct ifreq: a NUL-terminated name, then a union; its flags are a short (netdevice(7)).
const IFREQ_BYTES = 40;
const IFREQ_NAME_BYTES = 16;

// glibc's C library, then musl's, whose file name contains the architecture.
export const LIBRARY_NAMES = [
  "libc.so.6",
  `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`,
];

function open(library: string) {
  return dlopen(library, {
    socket: { args: [FFIType.i32, FFIType.i32, FFIType.i32], returns: FFIType.i32 },
    socketpair: {
      args: [FFIType.i32, FFIType.i32, FFIType.i32, FFIType.ptr],
      returns: FFIType.i32,
    },
    connect: { args: [FFIType.i32, FFIType.ptr, FFIType.u32], returns: FFIType.i32 },
    bind: { args: [FFIType.i32, FFIType.ptr, FFIType.u32], returns: FFIType.i32 },
    send: {
      args: [FFIType.i32, FFIType.ptr, FFIType.u64_fast, FFIType.i32],
      returns: FFIType.i64_fast,
    },
    recv: {
      args: [FFIType.i32, FFIType.ptr, FFIType.u64_fast, FFIType.i32],
      returns: FFIType.i64_fast,
    },
    pipe2: { args: [FFIType.ptr, FFIType.i32], returns: FFIType.i32 },
    splice: {
      args: [FFIType.i32, FFIType.ptr, FFIType.i32, FFIType.ptr, FFIType.u64_fast, FFIType.u32],
      returns: FFIType.i64_fast,
    },
    read: { args: [FFIType.i32, FFIType.ptr, FFIType.u64_fast], returns: FFIType.i64_fast },
    listen: { args: [FFIType.i32, FFIType.i32], returns: FFIType.i32 },
    fcntl: { args: [FFIType.i32, FFIType.i32, FFIType.i32], returns: FFIType.i32 },
    dup3: { args: [FFIType.i32, FFIType.i32, FFIType.i32], returns: FFIType.i32 },
    epoll_ctl: {
      args: [FFIType.i32, FFIType.i32, FFIType.i32, FFIType.ptr],
      returns: FFIType.i32,
    },
    getsockopt: {
      args: [FFIType.i32, FFIType.i32, FFIType.i32, FFIType.ptr, FFIType.ptr],
      returns: FFIType.i32,
    },
    getsockname: { args: [FFIType.i32, FFIType.ptr, FFIType.ptr], returns: FFIType.i32 },
    getpeername: { args: [FFIType.i32, FFIType.ptr, FFIType.ptr], returns: FFIType.i32 },
    setsockopt: {
      args: [FFIType.i32, FFIType.i32, FFIType.i32, FFIType.ptr, FFIType.u32],
      returns: FFIType.i32,
    },
    ioctl: { args: [FFIType.i32, FFIType.u64_fast, FFIType.ptr], returns: FFIType.i32 },
    shutdown: { args: [FFIType.i32, FFIType.i32], returns: FFIType.i32 },
    poll: { args: [FFIType.ptr, FFIType.u64_fast, FFIType.i32], returns: FFIType.i32 },
    flock: { args: [FFIType.i32, FFIType.i32], returns: FFIType.i32 },
    syscall: {
      args: [
        ...[FFIType.i64_fast, FFIType.i64_fast, FFIType.ptr],
        ...[FFIType.i64_fast, FFIType.ptr, FFIType.i64_fast],
      ],
      returns: FFIType.i64_fast,
    },
    removexattr: { args: [FFIType.ptr, FFIType.ptr], returns: FFIType.i32 },
    readlinkat: {
      args: [FFIType.i32, FFIType.ptr, FFIType.ptr, FFIType.u64_fast],
      returns: FFIType.i64_fast,
    },
    setns: { args: [FFIType.i32, FFIType.i32], returns: FFIType.i32 },
    close: { args: [FFIType.i32], returns: FFIType.i32 },
    __errno_location: { args: [], returns: FFIType.ptr },
  }).symbols;
}

function bind(c: ReturnType<typeof open>): Libc {
  // Each thread has its own errno (errno(3)) and its own instance of this module.
  const errno = c.__errno_location();
  if (errno === null) throw new Error("the C library has no errno");
  const number = new Int32Array(1);
  const length = new Uint32Array(1);
  const polled = new Int32Array(2);
  const polledEvents = new Int16Array(polled.buffer);
  const answer = (result: number) => (result < 0 ? -read.i32(errno, 0) : result);
  const count = (fd: number, request: number) => {
    const result = answer(c.ioctl(fd, request, number));
    return result < 0 ? result : (number[0] ?? 0);
  };
  const poll = (fd: number, requested: number, looked: number) => {
    polled[0] = fd;
    polled[1] = requested;
    const result = answer(c.poll(polled, 1, 0));
    if (result < 0) return result;
    return ((polledEvents[POLLFD_REVENTS] ?? 0) & looked) === 0 ? 0 : 1;
  };
  return {
    socket: (family, type) => answer(c.socket(family, type | SOCK_NONBLOCK_CLOEXEC, 0)),
    socketPair: (family, type, ends) =>
      answer(c.socketpair(family, type | SOCK_NONBLOCK_CLOEXEC, 0, ends)),
    connect: (fd, address) => answer(c.connect(fd, address, address.length)),
    bind: (fd, address) => answer(c.bind(fd, address, address.length)),
    send: (fd, bytes) => answer(Number(c.send(fd, bytes, bytes.length, MSG_DONTWAIT_NOSIGNAL))),
    receive: (fd, bytes, length) => answer(Number(c.recv(fd, bytes, length, MSG_DONTWAIT))),
    pipe: (ends) => answer(c.pipe2(ends, SOCK_NONBLOCK_CLOEXEC)),
    setPipeSize: (fd, size) => answer(c.fcntl(fd, F_SETPIPE_SZ, size)),
    splice: (from, to, length) =>
      answer(Number(c.splice(from, null, to, null, length, SPLICE_F_NONBLOCK))),
    read: (fd, bytes) => answer(Number(c.read(fd, bytes, bytes.length))),
    listen: (fd, backlog) => answer(c.listen(fd, backlog)),
    duplicate: (fd) => answer(c.fcntl(fd, F_DUPFD_CLOEXEC, 0)),
    replace: (fd, target) => answer(c.dup3(fd, target, O_CLOEXEC)),
    prepare(fd) {
      const flags = answer(c.fcntl(fd, F_GETFL, 0));
      if (flags < 0) return flags;
      const result = answer(c.fcntl(fd, F_SETFL, flags | O_NONBLOCK));
      return result < 0 ? result : answer(c.fcntl(fd, F_SETFD, FD_CLOEXEC));
    },
    epollControl: (epoll, operation, fd, event) => answer(c.epoll_ctl(epoll, operation, fd, event)),
    getOption(fd, level, option) {
      length[0] = number.byteLength;
      const result = answer(c.getsockopt(fd, level, option, number, length));
      return result < 0 ? result : (number[0] ?? 0);
    },
    getOptionWords(fd, level, option, words) {
      length[0] = words.byteLength;
      const result = answer(c.getsockopt(fd, level, option, words, length));
      return result < 0 ? result : (length[0] ?? 0);
    },
    name(fd, address) {
      length[0] = address.length;
      const result = answer(c.getsockname(fd, address, length));
      return result < 0 ? result : (length[0] ?? 0);
    },
    peerName(fd, address) {
      length[0] = address.length;
      const result = answer(c.getpeername(fd, address, length));
      return result < 0 ? result : (length[0] ?? 0);
    },
    setOption(fd, level, option, value) {
      number[0] = value;
      return answer(c.setsockopt(fd, level, option, number, number.byteLength));
    },
    unsent: (fd) => count(fd, SIOCOUTQ),
    unread: (fd) => count(fd, SIOCINQ),
    shutReading: (fd) => answer(c.shutdown(fd, SHUT_RD)),
    shutWriting: (fd) => answer(c.shutdown(fd, SHUT_WR)),
    // Request no events: the kernel always reports POLLHUP.
    hungUp: (fd) => poll(fd, 0, POLLHUP),
    writable: (fd) => poll(fd, POLLOUT, POLLOUT),
    interfaceFlags(name) {
      const request = new Uint8Array(IFREQ_BYTES);
      request.set(Buffer.from(name).subarray(0, IFREQ_NAME_BYTES - 1));
      const fd = answer(c.socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK_CLOEXEC, 0));
      if (fd < 0) return fd;
      const result = answer(c.ioctl(fd, SIOCGIFFLAGS, request));
      c.close(fd);
      return result < 0 ? result : new DataView(request.buffer).getUint16(IFREQ_NAME_BYTES, true);
    },
    lock: (fd) => answer(c.flock(fd, LOCK_EX_NB)),
    rename: (from, to, flags) =>
      answer(
        Number(c.syscall(SYS_RENAMEAT2, AT_FDCWD, cString(from), AT_FDCWD, cString(to), flags)),
      ),
    removeAttribute: (path, name) => answer(c.removexattr(cString(path), cString(name))),
    readLink: (fd, target) => answer(Number(c.readlinkat(fd, EMPTY_NAME, target, target.length))),
    enterNetwork: (fd) => answer(c.setns(fd, CLONE_NEWNET)),
    close: (fd) => answer(c.close(fd)),
  };
}

function cString(text: string): Uint8Array {
  return Buffer.from(`${text}\0`);
}

function load(): LibcOrReason {
  if (process.platform !== "linux")
    return { libc: null, reason: `only Linux is supported, this is ${process.platform}` };
  const reasons: string[] = [];
  for (const library of LIBRARY_NAMES) {
    try {
      return { libc: bind(open(library)) };
    } catch (error) {
      reasons.push(explain(error instanceof Error ? error.message : String(error)));
    }
  }
  return { libc: null, reason: reasons[0] ?? "no C library" };
}

function explain(reason: string): string {
  return /\bJIT\b/.test(reason) ? `${reason}: remove MemoryDenyWriteExecute=yes` : reason;
}

/** Loaded once, when the program starts. */
export const loaded: LibcOrReason = load();

/** The libc of this process, or null if it is unavailable (`loaded` has the reason). */
export const libc: Libc | null = loaded.libc;
