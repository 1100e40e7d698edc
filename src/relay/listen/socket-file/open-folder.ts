import { lstatSync, mkdirSync, readlinkSync } from "node:fs";
import { dirname } from "node:path";
import { checked, errorCode, SystemCallError } from "../../../os/errno.ts";
import { libc } from "../../../os/libc.ts";
import { ambiguousId } from "../../../os/peer-credentials.ts";
import { RelayError } from "../../error.ts";
import { PinnedFile } from "./pinned-file.ts";

// As the kernel: path_resolution(7).
const LINKS_MOST = 40;

// PATH_MAX of linux/limits.h; a link's text is shorter.
const LINK_BYTES_MOST = 4_096;

/**
 * Opens the folder of a socket's path, one part after the other, each within the folder that was
 * opened before: whoever renames or replaces a part meanwhile leads this nowhere else.
 *
 * A symbolic link is followed freely where it and the folder that holds it belong to root or to this
 * process's user. Any other may lead only to a folder of the other user. Otherwise somebody who owns
 * a folder on the path could have a relay of root make its socket, or replace a stale one, where he
 * may not.
 *
 * @param missingMode - missing folders are made with this mode, whatever the umask, and belong to
 *   this process's user; where it is undefined a missing folder is an error.
 * @throws {RelayError} where a link is not followed, or the system's error.
 */
export function openFolderOf(path: string, missingMode: number | undefined): PinnedFile {
  const parts = partsOf(dirname(path));
  /** Links that are followed on a condition, by the user to whose folder they must lead. */
  const strangers = new Map<bigint, string>();
  let folder = new PinnedFile(path.startsWith("/") ? "/" : ".");
  const enter = (next: PinnedFile) => {
    folder[Symbol.dispose]();
    folder = next;
  };
  try {
    let links = 0;
    for (let part = parts.shift(); part !== undefined; part = parts.shift()) {
      const entry = folder.entry(part);
      if (missingMode !== undefined && isMissing(entry)) {
        refuseOthersFolder(path, folder, strangers);
        strangers.clear();
        makeFolder(entry, missingMode);
      }
      const next = new PinnedFile(entry);
      const stats = next.stats();
      if (!stats.isSymbolicLink()) {
        enter(next);
        continue;
      }
      using link = next;
      links += 1;
      if (links > LINKS_MOST) throw new SystemCallError("ELOOP");
      for (const user of [stats.uid, folder.stats().uid])
        if (!isTrusted(user)) strangers.set(user, part);
      const target = readLink(link, entry);
      parts.unshift(...partsOf(target));
      if (target.startsWith("/")) enter(new PinnedFile("/"));
    }
    if (!folder.stats().isDirectory()) throw new SystemCallError("ENOTDIR");
    refuseOthersFolder(path, folder, strangers);
    return folder;
  } catch (error) {
    folder[Symbol.dispose]();
    throw error;
  }
}

function partsOf(path: string): string[] {
  return path.split("/").filter((part) => part !== "" && part !== ".");
}

function isMissing(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) === undefined;
}

/**
 * Makes a folder that has exactly this mode from its first moment on. A later chmod(2) could change
 * another folder, one that the owner of this folder's own folder has put in its place.
 */
function makeFolder(path: string, mode: number): void {
  const umask = process.umask(0);
  try {
    mkdirSync(path, mode);
  } catch (error) {
    // Another relay that starts in the same folder.
    if (errorCode(error) !== "EEXIST") throw error;
  } finally {
    process.umask(umask);
  }
}

/** Whether a user, whom files belong to, is root or this process's own. */
export function isTrusted(user: bigint): boolean {
  if (user === 0n || user === BigInt(process.geteuid?.() ?? 0)) return true;
  // In a user namespace that does not map root, root's links look like nobody's.
  return user === BigInt(ambiguousId("uid") ?? 0);
}

function refuseOthersFolder(
  path: string,
  folder: PinnedFile,
  strangers: ReadonlyMap<bigint, string>,
): void {
  if (strangers.size === 0) return;
  const { uid } = folder.stats();
  for (const [user, link] of strangers) {
    if (user === uid) continue;
    throw new RelayError(
      "EPERM",
      path,
      `cannot listen on ${path}: user ${user} may replace the symbolic link ${link}, and does not ` +
        "own the folder where it leads; write the path without that link",
    );
  }
}

/** What a link says; through its descriptor, because another link may have its name by now. */
function readLink(link: PinnedFile, name: string): string {
  // Without FFI the name is all there is.
  if (libc === null || link.fd === null) return readlinkSync(name);
  const target = Buffer.alloc(LINK_BYTES_MOST);
  const length = checked(libc.readLink(link.fd, target));
  return target.toString("utf8", 0, length);
}
