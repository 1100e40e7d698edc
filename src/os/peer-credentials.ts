import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { errnoCode } from "./errno.ts";
import type { Libc } from "./libc.ts";
import { SO_PEERCRED, SO_PEERGROUPS, SOL_SOCKET } from "./linux-constants.ts";

const { ENODATA, ERANGE } = constants.errno;

/** The process that connected a Unix socket, as recorded at connect (unix(7), SO_PEERCRED). */
export interface Peer {
  /** The process id; 0 if the PID namespace of the relay does not contain the process. */
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** The result if the kernel did not give a peer's credential. */
export interface Unreadable {
  /** The name of the errno, such as `ENOTCONN`. */
  readonly code: string;
}

// The user id that means that the kernel recorded no credential (net/core/sock.c, cred_to_ucred()).
const UID_UNKNOWN = 2 ** 32 - 1;

// The buffer for a credential, overwritten at each use: pid, uid, gid (struct ucred of unix(7)).
const credential = new Uint32Array(3);

/** Asks the kernel for the credential of the process that connected a Unix socket. */
export function readPeer(system: Libc, fd: number): Peer | Unreadable {
  const length = system.getOptionWords(fd, SOL_SOCKET, SO_PEERCRED, credential);
  if (length < 0) return { code: errnoCode(length) };
  const uid = credential[1];
  if (length !== credential.byteLength || uid === undefined || uid === UID_UNKNOWN)
    return { code: errnoCode(ENODATA) };
  return { pid: credential[0] ?? 0, uid, gid: credential[2] ?? UID_UNKNOWN };
}

// The number of groups for which the first SO_PEERGROUPS call has room: few, because most processes
// have only a few groups.
const GROUPS_FIRST = 64;
// The maximum number of groups that a process can have: NGROUPS_MAX of linux/limits.h.
const GROUPS_MOST = 65_536;

/** The supplementary groups that the peer had when it connected (Linux 4.13, SO_PEERGROUPS). */
export function readPeerGroups(system: Libc, fd: number): readonly number[] | Unreadable {
  for (let room = GROUPS_FIRST; ; room *= 32) {
    const groups = new Uint32Array(Math.min(room, GROUPS_MOST));
    const length = system.getOptionWords(fd, SOL_SOCKET, SO_PEERGROUPS, groups);
    if (length >= 0) return [...groups.subarray(0, length / groups.BYTES_PER_ELEMENT)];
    if (length !== -ERANGE || room > GROUPS_MOST) return { code: errnoCode(length) };
  }
}

// The default of /proc/sys/kernel/overflowuid and overflowgid, which almost nobody changes.
const OVERFLOW_ID = 65_534;
const ALL_IDS = 2 ** 32 - 1;

/**
 * The overflow id, which stands for every user (or group) that this process's user namespace does
 * not map (user_namespaces(7)), for example in a systemd unit with `PrivateUsers=yes`. Null if all
 * ids are mapped, because in this case each id means one user or one group.
 */
export function ambiguousId(what: "uid" | "gid"): number | null {
  const mapped = read(`/proc/self/${what}_map`)
    .trimEnd()
    .split("\n")
    .reduce((sum, line) => sum + Number(line.trim().split(/\s+/)[2] ?? 0), 0);
  if (mapped >= ALL_IDS) return null;
  return Number(read(`/proc/sys/kernel/overflow${what}`) || OVERFLOW_ID);
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // If the id map cannot be read, `ambiguousId` assumes that some ids are not mapped. If the
    // overflow id cannot be read, for example in a unit with `ProcSubset=pid`, `ambiguousId`
    // assumes OVERFLOW_ID.
    return "";
  }
}
