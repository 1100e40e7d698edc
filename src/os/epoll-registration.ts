import { fstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";

/** That an epoll instance of this process watches a descriptor (epoll(7)). */
export interface EpollRegistration {
  /** The descriptor of the epoll instance. */
  readonly epoll: number;
  /** The struct epoll_event it was registered with, as epoll_ctl(2) takes it. */
  readonly event: Uint8Array;
}

const DESCRIPTORS = "/proc/self/fd";
const EPOLL_LINK = "anon_inode:[eventpoll]";

/**
 * The epoll instance of this thread's event loop, once it was found: a search looks at every
 * descriptor of the process, and a process of many relays has many. Each thread has this module for
 * itself.
 */
let ownEpoll: number | null = null;

/**
 * Finds the one epoll instance that watches a descriptor: for a socket of Bun's, the instance of the
 * thread's event loop. Null if there is no such instance, if there are several, or if the kernel does
 * not say (proc(5), fdinfo of an epoll descriptor).
 */
export function findEpollRegistration(fd: number): EpollRegistration | null {
  try {
    const inode = fstatSync(fd).ino;
    const [known] = ownEpoll === null ? [] : registrationsIn(ownEpoll, fd, inode);
    if (known !== undefined) return known;
    const found = epollDescriptors().flatMap((epoll) => registrationsIn(epoll, fd, inode));
    const [registration] = found;
    if (registration === undefined || found.length > 1) return null;
    ownEpoll = registration.epoll;
    return registration;
  } catch {
    // A system that hides this from the process.
    return null;
  }
}

function epollDescriptors(): number[] {
  const isEpoll = (fd: string) => {
    try {
      return readlinkSync(`${DESCRIPTORS}/${fd}`) === EPOLL_LINK;
    } catch {
      // Closed since the folder was read.
      return false;
    }
  };
  return readdirSync(DESCRIPTORS).filter(isEpoll).map(Number);
}

/**
 * The lines of a descriptor, whose other numbers are hexadecimal. The number alone does not say which
 * socket is meant: it may be that of a descriptor closed since, whose socket another one keeps.
 */
function linesOf(fd: number): RegExp {
  return new RegExp(
    `^tfd: *${fd} events: *([0-9a-f]+) data: *([0-9a-f]+) .*\\bino:([0-9a-f]+)`,
    "gm",
  );
}

function registrationsIn(epoll: number, fd: number, inode: number): EpollRegistration[] {
  const text = readFileSync(`/proc/self/fdinfo/${epoll}`, "latin1");
  return [...text.matchAll(linesOf(fd))].flatMap(([, events = "", data = "", ino = ""]) =>
    parseInt(ino, 16) === inode
      ? [{ epoll, event: encodeEvent(parseInt(events, 16), BigInt(`0x${data}`)) }]
      : [],
  );
}

/** A struct epoll_event, which is packed on x86-64 and nowhere else (sys/epoll.h). */
function encodeEvent(events: number, data: bigint): Uint8Array {
  const dataOffset = process.arch === "x64" ? 4 : 8;
  const bytes = new Uint8Array(dataOffset + 8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, events, true);
  view.setBigUint64(dataOffset, data, true);
  return bytes;
}
