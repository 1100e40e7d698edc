import {
  constants,
  closeSync,
  fstatSync,
  lstatSync,
  openSync,
  readSync,
  renameSync,
  type Stats,
} from "node:fs";
import { errnoCode, errnoWords, errorCode } from "../../os/errno.ts";
import { loaded } from "../../os/libc.ts";
import { RelayError } from "../error.ts";
import { MAGIC } from "./pcapng.ts";

/**
 * Only this process's user may read a capture, because it contains everything that went through the
 * relay.
 */
const MODE = 0o600;

/** An open file of a capture. */
export interface OpenCapture {
  readonly fd: number;
  /** Identifies the file while it is open: its device and inode numbers (stat(2)). */
  readonly identity: string;
}

/**
 * Makes the file of a capture, and locks it (flock(2)), so that no other relay captures into it. An
 * earlier capture at the path gets the suffix `.1`.
 *
 * Without FFI nothing is locked: a second relay at the same path then renames the first relay's
 * file.
 *
 * @param own - the identities of the files that this function may rename although they are locked:
 *   this relay's previous file if it is full, or the predecessor's files after a handover
 * @throws {RelayError} if the file cannot be made, or the file at the path is no capture, or
 *   another relay captures into it
 */
export function openCapture(path: string, own: readonly string[]): OpenCapture {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  try {
    const earlier = openEarlier(path);
    if (earlier === null) return lockNew(path, openSync(path, flags, MODE));
    try {
      // Hold the earlier capture's lock until the new file is locked: if two relays start at the
      // same time, only one of them may move the earlier capture away.
      if (!tryLock(path, earlier) && !own.includes(identityOf(fstatSync(earlier))))
        throw inUse(path);
      renameSync(path, `${path}.1`);
      return lockNew(path, openSync(path, flags, MODE));
    } finally {
      closeSync(earlier);
    }
  } catch (error) {
    if (error instanceof RelayError) throw error;
    const code = errorCode(error);
    // This relay found no file at the path, or has moved the earlier file away. So another relay
    // has made the file that is now at the path.
    if (code === "EEXIST") throw inUse(path);
    throw failure(path, code);
  }
}

/**
 * Locks the new file `fd`, which this process has just made at `path`. Closes `fd` if the file
 * cannot be locked or is no longer at `path`.
 */
function lockNew(path: string, fd: number): OpenCapture {
  try {
    if (!tryLock(path, fd)) throw inUse(path);
    // Check after the lock that the new file is still at the path, because another relay may have
    // renamed the file before the lock.
    const identity = identityOf(fstatSync(fd));
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found === undefined || identityOf(found) !== identity) throw inUse(path);
    return { fd, identity };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/**
 * Locks an open file. Returns false if another relay holds the lock. Returns true also if nothing
 * can be locked: without FFI, and on a file system without locks.
 */
function tryLock(path: string, fd: number): boolean {
  if (loaded.libc === null) return true;
  const result = loaded.libc.lock(fd);
  if (result >= 0) return true;
  const code = errnoCode(result);
  if (code === "EAGAIN") return false;
  if (code === "EOPNOTSUPP" || code === "ENOLCK" || code === "ENOSYS") return true;
  throw failure(path, code);
}

/**
 * Opens the earlier capture at the path; null if there is no file.
 *
 * @throws {RelayError} if the file at the path is not a capture
 */
function openEarlier(path: string): number | null {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return null;
  if (!stats.isFile()) throw noCapture(path);
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  if (isCapture(fd)) return fd;
  closeSync(fd);
  throw noCapture(path);
}

function isCapture(fd: number): boolean {
  const start = new Uint8Array(MAGIC.length);
  const length = readSync(fd, start, 0, start.length, 0);
  return length === 0 || MAGIC.every((byte, index) => start[index] === byte);
}

function identityOf({ dev, ino }: Stats): string {
  return `${dev}:${ino}`;
}

function inUse(path: string): RelayError {
  return new RelayError(
    "EBUSY",
    path,
    `cannot capture into ${path}: another relay captures into this file; choose another name for --capture`,
  );
}

function noCapture(path: string): RelayError {
  return new RelayError(
    "EEXIST",
    path,
    `cannot capture into ${path}: this file is no capture; choose another name for --capture`,
  );
}

function failure(path: string, code: string): RelayError {
  return new RelayError(code, path, `cannot capture into ${path}: ${errnoWords(code)} (${code})`);
}
