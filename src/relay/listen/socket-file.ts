import {
  chmodSync,
  chownSync,
  closeSync,
  linkSync,
  lstatSync,
  openSync,
  renameSync,
  unlinkSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { ECONNREFUSED, errorCode } from "../../os/errno.ts";
import { AF_UNIX, libc, SOCK_STREAM } from "../../os/libc.ts";
import { unixAddress } from "../../address/socket-address.ts";
import { RelayError } from "../error.ts";

/** Who may use a Unix source's file; what is left out stays as the process makes it. */
export interface Permissions {
  readonly mode?: number | undefined;
  readonly owner?: number | undefined;
  readonly group?: number | undefined;
}

/** Something that listens: a socket's listener, a web server. */
interface Listener {
  stop(): unknown;
}

/** Which file it is, whatever its name (inode(7)). */
export interface FileIdentity {
  readonly dev: number;
  readonly ino: number;
}

/** The file of a Unix socket that this program made. */
export interface PlacedFile {
  readonly identity: FileIdentity;
  /** Whether the file at the path is still the one that was made. */
  isInPlace(): boolean;
  /** Removes it if it is. */
  remove(): void;
}

/** A listener on a path, and the file that leads to it. */
export interface PlacedListener<Bound extends Listener> extends PlacedFile {
  readonly listener: Bound;
}

const LOCK_TRIES = 500;
const LOCK_PAUSE = 10;

/**
 * Listens on `path` so that nobody ever meets a socket half made: it is bound to a name of its own
 * in the same folder, gets its owner and mode, and is then moved into place.
 *
 * A path that leads to a live socket, or to anything that is no socket, is left as it is; a stale
 * socket is replaced. The folder is locked meanwhile, so that of several relays starting on one
 * stale path one wins.
 *
 * @throws {RelayError} where the path is taken, or the system's error of what failed.
 */
export async function listenOnPath<Bound extends Listener>(
  path: string,
  permissions: Permissions,
  bind: (path: string) => Bound,
): Promise<PlacedListener<Bound>> {
  const folder = dirname(path);
  const lock = await lockFolder(folder);
  try {
    const stale = isStale(path);
    const name = join(folder, `.relay-${crypto.randomUUID().slice(0, 8)}`);
    const listener = bindClosed(name, permissions, bind);
    try {
      setPermissions(name, permissions);
      if (stale) renameSync(name, path);
      else moveToFree(name, path);
    } catch (error) {
      listener.stop();
      throw error;
    }
    return { listener, ...placedFile(path, lstatSync(path)) };
  } finally {
    if (lock !== null) closeSync(lock);
  }
}

/** The file at `path`, as long as it is that one. */
export function placedFile(path: string, { dev, ino }: FileIdentity): PlacedFile {
  const identity = { dev, ino };
  const isInPlace = () => isSame(path, identity);
  return { identity, isInPlace, remove: () => void (isInPlace() && unlinkSync(path)) };
}

/** Whether a stale socket is at `path`: false where nothing is, an error where anything else is. */
function isStale(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return false;
  const taken = (reason: string, mend: string) =>
    new RelayError("EADDRINUSE", path, `cannot listen on ${path}: ${reason}; ${mend}`);
  if (!found.isSocket())
    throw taken("something that is no socket is there", "it is left alone: choose another path");
  if (libc === null)
    throw taken(
      "a socket is there, and without FFI it cannot be told whether anybody serves it",
      "remove it if nobody does",
    );
  const probe = libc.socket(AF_UNIX, SOCK_STREAM);
  const answer = libc.connect(probe, unixAddress(path).bytes);
  libc.close(probe);
  // Only this answer proves that nobody listens: a full queue is EAGAIN (unix(7), connect(2)).
  if (answer === -ECONNREFUSED) return true;
  throw taken("another program serves that socket", "stop it or choose another path");
}

/** Binds; where permissions follow, nobody can connect before they are set. */
function bindClosed<Bound extends Listener>(
  name: string,
  permissions: Permissions,
  bind: (path: string) => Bound,
): Bound {
  if (!hasPermissions(permissions)) return bind(name);
  const umask = process.umask(0o777);
  try {
    return bind(name);
  } finally {
    process.umask(umask);
  }
}

function setPermissions(name: string, permissions: Permissions): void {
  if (!hasPermissions(permissions)) return;
  const { mode = 0o777 & ~process.umask(), owner = -1, group = -1 } = permissions;
  if (owner !== -1 || group !== -1) chownSync(name, owner, group);
  chmodSync(name, mode);
}

function hasPermissions({ mode, owner, group }: Permissions): boolean {
  return mode !== undefined || owner !== undefined || group !== undefined;
}

/** A rename would replace what came to the path meanwhile; a link does not (link(2)). */
function moveToFree(name: string, path: string): void {
  linkSync(name, path);
  unlinkSync(name);
}

function isSame(path: string, made: FileIdentity): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found?.ino === made.ino && found.dev === made.dev;
}

/**
 * Takes the folder's lock; closing the descriptor gives it back. Null where there is no such lock:
 * without FFI, or in a folder that may not be read. Two relays that start in the same millisecond
 * on one stale path could then both believe that they have it.
 */
async function lockFolder(folder: string): Promise<number | null> {
  if (libc === null) return null;
  let fd: number;
  try {
    fd = openSync(folder, "r");
  } catch (error) {
    if (errorCode(error) === "EACCES") return null;
    throw error;
  }
  for (let tries = 0; tries < LOCK_TRIES; tries += 1) {
    if (libc.lock(fd) === 0) return fd;
    await Bun.sleep(LOCK_PAUSE);
  }
  closeSync(fd);
  throw new RelayError("EWOULDBLOCK", folder, `cannot lock ${folder}: another program holds it`);
}
