import { closeSync, openSync, statSync } from "node:fs";
import { constants } from "node:os";
import { errnoCode, errorCode } from "./errno.ts";
import type { Libc } from "./libc.ts";

/** Where `ip netns add NAME` puts a namespace (ip-netns(8)). */
const NAMED = "/run/netns";

// Of this thread: /proc/self is the process's first thread (proc(5)).
const OWN = "/proc/thread-self/ns/net";

/** The file of a network namespace: `NAME` of ip-netns(8), or a path such as `/proc/PID/ns/net`. */
export function networkPath(netns: string): string {
  return netns.includes("/") ? netns : `${NAMED}/${netns}`;
}

/**
 * The same calls, but `socket` makes its sockets in another network namespace. A socket stays in
 * the namespace in which it was made, so only that call enters the namespace (setns(2)). It enters,
 * makes the socket and returns without giving up the thread, so no other code of this thread, and
 * no other thread, is ever in the namespace.
 *
 * The namespace's file is opened for each socket: a namespace that was deleted and made anew is
 * another one under the same name.
 *
 * `socket` then also gives -ENOENT if there is no such namespace, -EINVAL if the file is none, and
 * -EPERM without CAP_SYS_ADMIN.
 */
export function socketsInNetwork(system: Libc, netns: string): Libc {
  const path = networkPath(netns);
  return { ...system, socket: (family, type) => socketIn(system, path, family, type) };
}

/** The code of the reason why no socket can be made in a namespace; null if it can. */
export function whyNotEnter(system: Libc, netns: string): string | null {
  const fd = enter(system, networkPath(netns), () => 0);
  return fd < 0 ? errnoCode(fd) : null;
}

/**
 * Names the namespace that a file is now, for comparisons; null if there is none. Another namespace
 * under the same name has another inode (namespaces(7)), which is not used again while anything of
 * the old namespace is open.
 */
export function networkIdentity(netns: string): string | null {
  try {
    const { dev, ino } = statSync(networkPath(netns), { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    // It does not exist, or nobody may look: sockets cannot be made in it either.
    return null;
  }
}

function socketIn(system: Libc, path: string, family: number, type: number): number {
  return enter(system, path, () => system.socket(family, type));
}

/** This thread's own namespace; -1 before the first use. Never closed: a thread has only one. */
let own = -1;

/** Does something in a namespace. `act` must not wait for anything. */
function enter(system: Libc, path: string, act: () => number): number {
  let target = -1;
  try {
    if (own < 0) own = openSync(OWN, "r");
    target = openSync(path, "r");
  } catch (error) {
    return -numberOf(errorCode(error));
  }
  try {
    // To come back needs the same right as to go there: a thread that has no right stays here.
    const allowed = system.enterNetwork(own);
    if (allowed < 0) return allowed;
    const entered = system.enterNetwork(target);
    if (entered < 0) return entered;
    const result = act();
    // From here on every socket of this thread would be in the wrong network.
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
