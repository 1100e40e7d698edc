import { constants, rmdirSync } from "node:fs";
import { basename } from "node:path";
import { EAGAIN, errorCode } from "../../../os/errno.ts";
import { libc } from "../../../os/libc.ts";
import { RelayError } from "../../error.ts";
import { identityOf, isAt } from "./identify-and-remove.ts";
import { makeFolderWithMode } from "./make-folder-with-mode.ts";
import { PinnedFile } from "./pin-file-by-descriptor.ts";

// The maximum wait for the lock of the private folder, in milliseconds. It is long enough
// for many relays in turn, because each relay holds the lock for only 1 or 2 ms.
const PATIENCE = 2_000;
const PAUSE = 10;

/**
 * A private folder, which exists while a socket is made in it. Only this process's user may enter.
 */
export interface PrivateFolder extends Disposable {
  readonly folder: PinnedFile;
}

/**
 * Opens a private folder (mode 0700) in the folder of the future socket.
 *
 * The private folder is also a lock: relays of one user that start on one path share the folder and
 * take turns. No other user can hold the lock, because flock(2) needs a descriptor, and only this
 * user can open the folder. The kernel releases the lock when the process ends for any reason.
 *
 * The start of a relay does not depend on the lock. If the shared folder belongs to another user,
 * or its lock stays busy for seconds, the relay continues in a folder of its own.
 *
 * @throws {RelayError} if somebody keeps replacing the private folder; or the system's error.
 */
export async function openPrivateFolder(folder: PinnedFile, path: string): Promise<PrivateFolder> {
  return (await openShared(folder, path)) ?? openOwn(folder, path);
}

async function openShared(folder: PinnedFile, path: string): Promise<PrivateFolder | null> {
  // Without FFI the relay cannot call flock(2), so it uses a folder of its own.
  if (libc === null) return null;
  const entry = folder.entry(`.${basename(path)}.relay-${process.geteuid?.() ?? 0}`);
  for (const until = performance.now() + PATIENCE; performance.now() < until;) {
    const opened = open(entry);
    if (opened === "not ours") return null;
    if (opened !== "gone") {
      // EAGAIN means that another process holds the lock. After any other error, for example on a
      // file system without locks, continue without the lock.
      const isHeld = opened.folder.fd !== null && libc.lock(opened.folder.fd) === -EAGAIN;
      // The previous holder of the lock may have removed this folder. In this case the lock is
      // useless, because other relays lock the folder that is now at the path. So open that folder.
      if (!isHeld && isAt(entry, identityOf(opened.folder.stats()))) return opened;
      opened.folder[Symbol.dispose]();
    }
    await Bun.sleep(PAUSE);
  }
  return null;
}

function openOwn(folder: PinnedFile, path: string): PrivateFolder {
  const opened = open(folder.entry(`.relay-${crypto.randomUUID()}`));
  if (typeof opened !== "string") return opened;
  throw new RelayError(
    "EPERM",
    path,
    `cannot listen on ${path}: somebody replaces the files in its folder; choose a folder where ` +
      "only this user may write",
  );
}

/**
 * Creates and opens a folder. Returns "gone" if somebody removed the folder before it was opened.
 * Returns "not ours", and changes nothing, if the name belongs to something other than a folder, or
 * to a folder that another user owns or may enter. A private folder of this user is accepted even
 * if another user moved it to this path, because that user cannot touch its content.
 */
function open(entry: string): PrivateFolder | "not ours" | "gone" {
  let isNew = true;
  try {
    makeFolderWithMode(entry, 0o700);
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw error;
    isNew = false;
  }
  let folder: PinnedFile;
  try {
    folder = new PinnedFile(
      entry,
      constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW,
    );
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOENT") return "gone";
    if (["ENOTDIR", "ELOOP", "EACCES"].includes(code)) return "not ours";
    // Opening failed for another reason, for example because no descriptor is left. Do not leave
    // the new folder behind.
    if (isNew) rmdirSync(entry);
    throw error;
  }
  if (isPrivate(folder)) return { folder, [Symbol.dispose]: () => remove(entry, folder) };
  folder[Symbol.dispose]();
  return "not ours";
}

function isPrivate(folder: PinnedFile): boolean {
  const { uid, mode } = folder.stats();
  return uid === BigInt(process.geteuid?.() ?? 0) && (mode & 0o077n) === 0n;
}

/** Removes the folder, then closes its descriptor, which releases the lock. */
function remove(entry: string, folder: PinnedFile): void {
  try {
    // If an attacker replaced the folder, this removes at most an empty folder of the attacker.
    rmdirSync(entry);
  } catch (error) {
    // ENOTEMPTY: a killed relay may have left its socket in the folder, which is harmless. ENOENT
    // and ENOTDIR: somebody has removed or replaced the folder.
    if (!["ENOTEMPTY", "ENOENT", "ENOTDIR"].includes(errorCode(error))) throw error;
  } finally {
    folder[Symbol.dispose]();
  }
}
