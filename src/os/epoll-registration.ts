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
 * Finds the one epoll instance that watches a descriptor: for a socket of Bun's, the instance of the
 * thread's event loop. Null if there is no such instance, if there are several, or if the kernel does
 * not say (proc(5), fdinfo of an epoll descriptor).
 */
export function findEpollRegistration(fd: number): EpollRegistration | null {
  try {
    const inode = fstatSync(fd).ino;
    const found = epollDescriptors().flatMap((epoll) => registrationsIn(epoll, fd, inode));
    const [registration] = found;
    return registration !== undefined && found.length === 1 ? registration : null;
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

// One line a descriptor, all numbers but the first in hexadecimal. The number alone does not say which
// socket is meant: it may be that of a descriptor closed since, whose socket another one keeps.
const LINE = /^tfd: *(\d+) events: *([0-9a-f]+) data: *([0-9a-f]+) .*\bino:([0-9a-f]+)/gm;

function registrationsIn(epoll: number, fd: number, inode: number): EpollRegistration[] {
  const text = readFileSync(`/proc/self/fdinfo/${epoll}`, "latin1");
  return [...text.matchAll(LINE)].flatMap(([, watched, events = "", data = "", ino = ""]) =>
    Number(watched) === fd && parseInt(ino, 16) === inode
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
