import { closeSync, openSync, statSync } from "node:fs";
import { constants } from "node:os";
import { basename, dirname } from "node:path";
import { canonicalPath } from "./canonical-path.ts";
import { errnoCode, errorCode } from "./errno.ts";
import type { Libc } from "./libc.ts";

/** The folder in which `ip netns add NAME` puts the file of a namespace (ip-netns(8)). */
export const NAMESPACES_FOLDER = "/run/netns";

// The network namespace of this thread. /proc/self would give the namespace of the process's first
// thread (proc(5)).
const OWN = "/proc/thread-self/ns/net";

/**
 * The path of a network namespace's file. `netns` is a `NAME` of ip-netns(8), or a path such as
 * `/proc/PID/ns/net`.
 */
export function networkPath(netns: string): string {
  return netns.includes("/") ? netns : `${NAMESPACES_FOLDER}/${netns}`;
}

/**
 * A text for comparisons: two ways to write the same namespace give the same text. A namespace that
 * ip-netns(8) made gets its name, also if the path of its file was written; any other namespace
 * gets its path.
 */
export function canonicalNetwork(netns: string): string {
  const path = canonicalPath(networkPath(netns));
  return dirname(path) === NAMESPACES_FOLDER ? basename(path) : path;
}

/**
 * Returns the same calls as `system`, but `socket` makes its sockets in another network namespace.
 * A socket stays in the namespace in which it was made, so only `socket` enters the namespace
 * (setns(2)). `socket` enters the namespace, makes the socket, and leaves the namespace again, all
 * in one synchronous call. So no other code of this thread ever runs in the namespace, and other
 * threads never enter it.
 *
 * The namespace's file is opened for each socket, because the namespace may have been deleted and
 * replaced by a new namespace of the same name.
 *
 * In addition to the usual errors, `socket` of the result returns -ENOENT if there is no such
 * namespace, -EINVAL if the file is no namespace, and -EPERM without CAP_SYS_ADMIN.
 */
export function socketsInNetwork(system: Libc, netns: string): Libc {
  const path = networkPath(netns);
  return { ...system, socket: (family, type) => socketIn(system, path, family, type) };
}

/**
 * The error code if this thread cannot enter a namespace to make sockets there; null if the thread
 * can.
 */
export function whyNotEnter(system: Libc, netns: string): string | null {
  const fd = enter(system, networkPath(netns), () => 0);
  return fd < 0 ? errnoCode(fd) : null;
}

/**
 * A text that identifies the namespace to which the file of `netns` refers now (device and inode
 * number, namespaces(7)). Null if the file does not exist or cannot be examined. Two texts can be
 * compared only while a descriptor or a socket keeps the older namespace alive. After the older
 * namespace has ended, the kernel may give its inode number to a new namespace.
 */
export function networkIdentity(netns: string): string | null {
  try {
    const { dev, ino } = statSync(networkPath(netns), { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    // The file does not exist, or this process may not look at it. So the process cannot make
    // sockets in the namespace either.
    return null;
  }
}

function socketIn(system: Libc, path: string, family: number, type: number): number {
  return enter(system, path, () => system.socket(family, type));
}

/**
 * The descriptor of this thread's own namespace; -1 before the first use. Never closed, because
 * each thread opens only one.
 */
let own = -1;

/**
 * Calls `act` in a namespace. Returns the result of `act`, or a negative errno if the thread cannot
 * enter the namespace. `act` must not wait for anything.
 */
function enter(system: Libc, path: string, act: () => number): number {
  let target = -1;
  try {
    if (own < 0) own = openSync(OWN, "r");
    target = openSync(path, "r");
  } catch (error) {
    return -numberOf(errorCode(error));
  }
  try {
    // Enter this thread's own namespace first, to test that the thread may return to it. So a
    // thread that could not return never leaves its own namespace.
    const allowed = system.enterNetwork(own);
    if (allowed < 0) return allowed;
    const entered = system.enterNetwork(target);
    if (entered < 0) return entered;
    const result = act();
    // If the thread cannot return, end the process, because every further socket would be in the
    // wrong network.
    if (system.enterNetwork(own) < 0) process.abort();
    return result;
  } finally {
    closeSync(target);
  }
}

function numberOf(code: string): number {
  return (
    Object.entries(constants.errno).find(([name]) => name === code)?.[1] ?? constants.errno.EIO
  );
}
