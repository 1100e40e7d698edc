import {
  accessSync,
  constants,
  closeSync,
  fchmodSync,
  fstatSync,
  lstatSync,
  openSync,
  readSync,
  renameSync,
  type Stats,
} from "node:fs";
import { basename } from "node:path";
import { canonicalPath } from "../../os/canonical-path.ts";
import { errnoCode, errorCode } from "../../os/errno.ts";
import { loaded } from "../../os/libc.ts";
import { RelayError } from "../error.ts";
import { openFolderOf } from "../listen/socket-file/walk-to-folder.ts";
import {
  captureFailure,
  captureInUse,
  noCaptureFile,
  OF_ANOTHER_USER,
} from "./capture-file-errors.ts";
import { MAGIC } from "./pcapng.ts";

/**
 * Only this process's user may read a capture, because it contains everything that went through the
 * relay.
 */
const MODE = 0o600;

const NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const EXISTING = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** An open file of a capture. */
export interface OpenCapture {
  readonly fd: number;
  /** Identifies the file while it is open: its device and inode numbers (stat(2)). */
  readonly identity: string;
}

/**
 * The name of a file in an open folder. Every system call uses `entry`, so the owner of a folder
 * further up cannot lead this process to another folder (`walk-to-folder.ts`).
 */
interface Entry {
  /** The path that system calls use: `/proc/self/fd/N/NAME`, where N is the open folder. */
  readonly entry: string;
  /** The path as the user wrote it, for messages. */
  readonly path: string;
}

/**
 * The captures of the predecessor, which is the process that hands over to this process. The
 * predecessor still writes these files and holds their locks, but this process may rename them.
 */
export interface HandedCaptures {
  /** The paths of the predecessor's captures, as the user wrote them. */
  readonly paths: readonly string[];
  /** The identities of the files that the predecessor writes (`OpenCapture.identity`). */
  readonly identities: readonly string[];
}

/** How `openCapture` may treat the earlier capture at the path. */
export interface EarlierCapture {
  /**
   * The files that may be renamed although they are locked: this relay's previous file if it is
   * full, or the files of the predecessor. Default: none.
   */
  readonly own?: HandedCaptures;
  /**
   * Whether all numbered files of earlier captures are kept. If false, the earlier capture at the
   * path may replace a numbered file that no process writes any more. Default: false.
   */
  readonly keepsAll?: boolean;
}

/**
 * Makes the file of a capture, and locks it (flock(2)), so that no other relay captures into it. An
 * earlier capture at the path gets the suffix `.1`, or a higher number if `.1` is not free
 * (`moveAside`).
 *
 * Without FFI nothing is locked, so a second relay at the same path renames the first relay's file.
 *
 * @throws {RelayError} if the file cannot be made, or the file at the path is no capture, or
 *   another relay captures into it
 */
export function openCapture(
  path: string,
  { own = NONE, keepsAll = false }: EarlierCapture = {},
): OpenCapture {
  return inItsFolder(path, (file) => {
    const earlier = openEarlier(file);
    if (earlier === null) return makeNew(file);
    try {
      // Hold the earlier capture's lock until the new file is locked: if two relays start at the
      // same time, only one of them may move the earlier capture away.
      if (!tryLock(path, earlier) && !isOwn(path, identityOf(fstatSync(earlier)), own))
        throw captureInUse(path);
      moveAside(file, keepsAll);
      return makeNew(file);
    } finally {
      closeSync(earlier);
    }
  });
}

/**
 * Checks whether `openCapture` will be able to make the file, and changes nothing. The new process
 * of a handover checks this before it reports that it is ready, and makes the file after the
 * handover.
 *
 * @throws {RelayError} if `openCapture` would throw one
 */
export function checkCapture(path: string, handed: HandedCaptures): void {
  inItsFolder(path, (file, folder) => {
    const earlier = openEarlier(file);
    try {
      // Do not try to lock a file at a path of the predecessor. The predecessor may have made this
      // file but not locked the file yet. If this process locked the file first, the predecessor
      // could not lock the file.
      if (earlier !== null && !isAtPathOf(path, handed))
        if (!tryLock(path, earlier) && !isOwn(path, identityOf(fstatSync(earlier)), handed))
          throw captureInUse(path);
    } finally {
      if (earlier !== null) closeSync(earlier);
    }
    accessSync(folder, constants.W_OK | constants.X_OK);
  });
}

/**
 * Makes a capture file beside the path. Its name is the path with a number as a suffix: the first
 * number with which no file exists.
 *
 * @throws {RelayError} if the file cannot be made
 */
export function openNumbered(path: string): OpenCapture {
  return inItsFolder(path, (file) => {
    for (let number = 1; ; number += 1) {
      const numbered = withNumber(file, number);
      if (!exists(numbered)) return makeNew(numbered);
    }
  });
}

const NONE: HandedCaptures = { paths: [], identities: [] };

function isOwn(path: string, identity: string, own: HandedCaptures): boolean {
  return own.identities.includes(identity) || isAtPathOf(path, own);
}

function isAtPathOf(path: string, { paths }: HandedCaptures): boolean {
  return paths.some((other) => canonicalPath(other) === canonicalPath(path));
}

/**
 * Opens the folder of a capture, runs `work` on the capture's name in this folder, and explains the
 * error of a failed system call.
 */
function inItsFolder<Result>(path: string, work: (file: Entry, folder: string) => Result): Result {
  try {
    using folder = openFolderOf(path, undefined, "capture into");
    // A path with a slash at the end names a folder. Keep the slash, so that the system refuses to
    // make a file with this name.
    const name = basename(path) + (path.endsWith("/") ? "/" : "");
    return work({ entry: folder.entry(name), path }, folder.path);
  } catch (error) {
    if (error instanceof RelayError) throw error;
    const code = errorCode(error);
    // EEXIST: a file has appeared at the path after this relay found none there, or moved the
    // earlier file away. So another relay has made the file.
    if (code === "EEXIST") throw captureInUse(path);
    throw captureFailure(path, code);
  }
}

function withNumber({ entry, path }: Entry, number: number): Entry {
  return { entry: `${entry}.${number}`, path: `${path}.${number}` };
}

/**
 * Renames the earlier capture: its new name is the path with the first free number as a suffix. A
 * number is free if no file has the name with this number. Unless `keepsAll` is set, a number is
 * also free if the file with this number is a capture that no process writes. In this case the
 * earlier capture replaces that file.
 */
function moveAside(file: Entry, keepsAll: boolean): void {
  for (let number = 1; ; number += 1) {
    const numbered = withNumber(file, number);
    if (!exists(numbered)) return renameSync(file.entry, numbered.entry);
    if (!keepsAll && replaces(file, numbered)) return;
  }
}

/**
 * Replaces a numbered capture by the file at the path. Changes nothing and returns false in three
 * cases: the numbered file is no capture, a process still writes it, or this process may not read
 * it.
 */
function replaces(file: Entry, numbered: Entry): boolean {
  const fd = openReadable(numbered);
  if (fd === null) return false;
  try {
    if (!fstatSync(fd).isFile() || !isCapture(fd) || !tryLock(numbered.path, fd)) return false;
    renameSync(file.entry, numbered.entry);
    return true;
  } finally {
    closeSync(fd);
  }
}

/** Opens a file to read it; null if this process may not read it, or if it is a symbolic link. */
function openReadable({ entry }: Entry): number | null {
  try {
    return openSync(entry, EXISTING);
  } catch (error) {
    if (["EACCES", "ELOOP", "ENXIO"].includes(errorCode(error))) return null;
    throw error;
  }
}

/**
 * Makes a new file and locks the file.
 *
 * @throws {RelayError} if another relay has locked the file, or has renamed it, in the meantime
 */
function makeNew({ entry, path }: Entry): OpenCapture {
  const fd = openSync(entry, NEW, MODE);
  try {
    if (!tryLock(path, fd)) throw captureInUse(path);
    // The umask may have taken rights away, even from the owner.
    fchmodSync(fd, MODE);
    // Check after the lock that the new file is still at the path, because another relay may have
    // renamed the file before the lock.
    const identity = identityOf(fstatSync(fd));
    const found = lstatSync(entry, { throwIfNoEntry: false });
    if (found === undefined || identityOf(found) !== identity) throw captureInUse(path);
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
  throw captureFailure(path, code);
}

/**
 * Opens the earlier capture at the path; null if there is no file.
 *
 * @throws {RelayError} if the file at the path is not a capture
 */
function openEarlier(file: Entry): number | null {
  const { entry, path } = file;
  const stats = lstatSync(entry, { throwIfNoEntry: false });
  if (stats === undefined) return null;
  if (!stats.isFile()) throw noCaptureFile(path, stats);
  const fd = openReadable(file);
  if (fd === null) throw captureFailure(path, "EACCES", OF_ANOTHER_USER);
  if (isCapture(fd)) return fd;
  closeSync(fd);
  throw noCaptureFile(path, stats);
}

function exists({ entry }: Entry): boolean {
  return lstatSync(entry, { throwIfNoEntry: false }) !== undefined;
}

function isCapture(fd: number): boolean {
  const start = new Uint8Array(MAGIC.length);
  const length = readSync(fd, start, 0, start.length, 0);
  return length === 0 || MAGIC.every((byte, index) => start[index] === byte);
}

function identityOf({ dev, ino }: Stats): string {
  return `${dev}:${ino}`;
}
