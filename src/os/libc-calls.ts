import { read } from "bun:ffi";
import { EPOLL_DATA_OFFSET, EPOLL_EVENT_BYTES } from "./epoll-event.ts";
import type { Libc } from "./libc-interface.ts";
import type { LibcSymbols } from "./libc-symbols.ts";
import { AF_UNIX, SOCK_DGRAM } from "./linux-constants.ts";

const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
// The flags "non-blocking" and "closed on exec" of pipe2(2) and socket(2); both calls use the same
// values.
const SOCK_NONBLOCK_CLOEXEC = O_NONBLOCK | O_CLOEXEC;
const F_GETFD = 1;
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
const SIOCGIFINDEX = 0x8933;
const SIOCINQ = 0x541b;
const SIOCOUTQ = 0x5411;
const CLONE_NEWNET = 0x4000_0000;
const LOCK_EX_NB = 2 | 4;
const SHUT_RD = 0;
const SHUT_WR = 1;
const POLLOUT = 0x4;
const POLLERR = 0x8;
const POLLHUP = 0x10;
// The index of the field `revents` if a struct pollfd is read as an array of shorts. The field `fd`
// is an int and takes the first two shorts, the field `events` takes the third.
const POLLFD_REVENTS = 3;
const AT_FDCWD = -100;
// The number of the system call renameat2 on x86-64 and on arm64 (asm/unistd.h). The call is made
// by its number, because glibc 2.27 and musl have no function for it.
const SYS_RENAMEAT2 = process.arch === "arm64" ? 276 : 316;
const EPOLL_CLOEXEC = O_CLOEXEC;
// A struct epoll_event, read as an array of 32-bit words (sys/epoll.h). The field `data` has 64
// bits. All machines on which Bun runs are little-endian, so the first word of this field has the
// low bits.
const EPOLL_EVENT_WORDS = EPOLL_EVENT_BYTES / Int32Array.BYTES_PER_ELEMENT;
const EPOLL_DATA_WORD = EPOLL_DATA_OFFSET / Int32Array.BYTES_PER_ELEMENT;
// The maximum number of events that one call of epoll_wait(2) returns.
const EPOLL_EVENTS_MOST = 64;
const EMPTY_NAME = new Uint8Array(1);

// A struct ifreq is a NUL-terminated name and then a union, in which the interface's flags are a
// short (netdevice(7)).
const IFREQ_BYTES = 40;
const IFREQ_NAME_BYTES = 16;

/**
 * Makes the calls of `Libc` from the functions of the C library.
 *
 * @throws if the library has no errno
 */
export function callsOf(c: LibcSymbols): Libc {
  // Get the address of errno only once. Each thread has its own errno (errno(3)), but also its own
  // instance of this module, so the address never changes here.
  const errno = c.__errno_location();
  if (errno === null) throw new Error("the C library has no errno");
  const number = new Int32Array(1);
  const length = new Uint32Array(1);
  const polled = new Int32Array(2);
  const polledEvents = new Int16Array(polled.buffer);
  const epollEvents = new Int32Array(EPOLL_EVENTS_MOST * EPOLL_EVENT_WORDS);
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
    send: (fd, bytes, length = bytes.length) =>
      answer(Number(c.send(fd, bytes, length, MSG_DONTWAIT_NOSIGNAL))),
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
    closedOnExec(fd) {
      const flags = answer(c.fcntl(fd, F_GETFD, 0));
      return flags < 0 ? flags : flags & FD_CLOEXEC;
    },
    epoll: () => answer(c.epoll_create1(EPOLL_CLOEXEC)),
    epollEvents(epoll, data) {
      const most = Math.min(data.length, EPOLL_EVENTS_MOST);
      const result = answer(c.epoll_wait(epoll, epollEvents, most, 0));
      for (let at = 0; at < result; at += 1)
        data[at] = epollEvents[at * EPOLL_EVENT_WORDS + EPOLL_DATA_WORD] ?? 0;
      return result;
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
    // Request no events: the kernel always reports POLLERR and POLLHUP.
    hungUp: (fd) => poll(fd, 0, POLLHUP),
    lacksReader: (fd) => poll(fd, 0, POLLERR | POLLHUP),
    writable: (fd) => poll(fd, POLLOUT, POLLOUT),
    interfaceFlags(name) {
      const request = interfaceRequest(name);
      const fd = answer(c.socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK_CLOEXEC, 0));
      if (fd < 0) return fd;
      const result = answer(c.ioctl(fd, SIOCGIFFLAGS, request));
      c.close(fd);
      return result < 0 ? result : new DataView(request.buffer).getUint16(IFREQ_NAME_BYTES, true);
    },
    interfaceIndex(fd, name) {
      const request = interfaceRequest(name);
      const result = answer(c.ioctl(fd, SIOCGIFINDEX, request));
      return result < 0 ? result : new DataView(request.buffer).getInt32(IFREQ_NAME_BYTES, true);
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

/** A struct ifreq with the name of an interface; a longer name than the kernel allows is cut. */
function interfaceRequest(name: string): Uint8Array<ArrayBuffer> {
  const request = new Uint8Array(IFREQ_BYTES);
  request.set(Buffer.from(name).subarray(0, IFREQ_NAME_BYTES - 1));
  return request;
}
