import { fstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { encodeEpollEvent } from "./epoll-event.ts";

/** The registration of a descriptor with an epoll instance of this process (epoll(7)). */
export interface EpollRegistration {
  /** The descriptor of the epoll instance. */
  readonly epoll: number;
  /** The registered struct epoll_event, in the form that epoll_ctl(2) takes. */
  readonly event: Uint8Array;
}

const DESCRIPTORS = "/proc/self/fd";
const EPOLL_LINK = "anon_inode:[eventpoll]";

/**
 * The descriptor of the epoll instance of this thread's event loop; null before it was found. It is
 * cached, because the search reads every descriptor of the process, and a process with many relays
 * has many descriptors. Each thread has its own instance of this module.
 */
let ownEpoll: number | null = null;

/**
 * Returns the registration of a descriptor with the one epoll instance that watches it. For a
 * socket of Bun, this is the instance of the thread's event loop. Null if no instance or several
 * instances watch the descriptor, or if /proc is unreadable (proc(5), fdinfo of an epoll
 * descriptor).
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
    // This process cannot read its own folders in /proc, or the descriptor is closed.
    return null;
  }
}

function epollDescriptors(): number[] {
  const isEpoll = (fd: string) => {
    try {
      return readlinkSync(`${DESCRIPTORS}/${fd}`) === EPOLL_LINK;
    } catch {
      // The descriptor was closed after the folder was read.
      return false;
    }
  };
  return readdirSync(DESCRIPTORS).filter(isEpoll).map(Number);
}

/**
 * Returns a pattern for the lines of `fd` in the fdinfo file of an epoll descriptor. `fd` is
 * decimal in a line, all other numbers are hexadecimal. Several lines can have the same `fd`: after
 * a descriptor was closed, its line stays as long as another descriptor refers to the same socket.
 * The caller must therefore also compare the inode.
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
      ? [{ epoll, event: encodeEpollEvent(parseInt(events, 16), BigInt(`0x${data}`)) }]
      : [],
  );
}
