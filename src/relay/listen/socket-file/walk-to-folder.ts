import { lstatSync, readlinkSync } from "node:fs";
import { dirname } from "node:path";
import { checked, errorCode, SystemCallError } from "../../../os/errno.ts";
import { libc } from "../../../os/libc.ts";
import { ambiguousId } from "../../../os/peer-credentials.ts";
import { RelayError } from "../../error.ts";
import { makeFolderWithMode } from "./make-folder-with-mode.ts";
import { PinnedFile } from "./pin-file-by-descriptor.ts";

// The maximum number of symbolic links on a path; the kernel has the same limit
// (path_resolution(7)).
const LINKS_MOST = 40;

// The size of the buffer for the target of a symbolic link, in bytes. It is PATH_MAX of
// linux/limits.h, and the kernel allows only shorter targets.
const LINK_BYTES_MOST = 4_096;

/**
 * Opens the folder of a socket's or capture's path. The path is opened one part at a time, each
 * part relative to the folder opened before. So an attacker who renames or replaces a part that is
 * already open cannot lead the relay to another folder.
 *
 * A user is trusted if it is root or this process's user. A symbolic link can be replaced by its
 * owner, and by the owner of the folder that contains the link. The relay follows the link only if
 * each of these two users is trusted, or owns the folder at the end of the path. Otherwise an
 * untrusted user could choose the folder in which a relay of root makes its socket or its capture,
 * although this user has no permission in that folder.
 *
 * @param missingMode - creates missing folders with this mode, whatever the umask; they belong to
 *   this process's user. If undefined, a missing folder is an error.
 * @param purpose - the relay's task in the folder, as the error message names it
 * @throws {RelayError} if a link is refused; or the system's error.
 */
export function openFolderOf(
  path: string,
  missingMode: number | undefined,
  purpose: "listen on" | "capture into" = "listen on",
): PinnedFile {
  const parts = partsOf(dirname(path));
  /**
   * The untrusted users who can replace a symbolic link on the path, each with the name of one such
   * link. The path is refused if one of these users does not own the folder at the end of the path.
   */
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
        refuseOthersFolder(path, folder, strangers, purpose);
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
    refuseOthersFolder(path, folder, strangers, purpose);
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

function makeFolder(entry: string, mode: number): void {
  try {
    makeFolderWithMode(entry, mode);
  } catch (error) {
    // Another relay that is starting has created the folder meanwhile.
    if (errorCode(error) !== "EEXIST") throw error;
  }
}

/** Whether `user`, the owner of a file, is root or this process's user. */
export function isTrusted(user: bigint): boolean {
  if (user === 0n || user === BigInt(process.geteuid?.() ?? 0)) return true;
  // A user namespace may not map root. In such a namespace root's files seem to belong to the
  // overflow id (user_namespaces(7)), so trust this id.
  return user === BigInt(ambiguousId("uid") ?? 0);
}

function refuseOthersFolder(
  path: string,
  folder: PinnedFile,
  strangers: ReadonlyMap<bigint, string>,
  purpose: string,
): void {
  if (strangers.size === 0) return;
  const { uid } = folder.stats();
  for (const [user, link] of strangers) {
    if (user === uid) continue;
    throw new RelayError(
      "EPERM",
      path,
      `cannot ${purpose} ${path}: user ${user} may replace the symbolic link ${link}, but does not ` +
        "own the folder where it leads; write the path without that link",
    );
  }
}

/**
 * Reads the target of a link through the link's descriptor, because another link may have taken the
 * link's name meanwhile.
 */
function readLink(link: PinnedFile, name: string): string {
  // Without FFI the link can be read only by name.
  if (libc === null || link.fd === null) return readlinkSync(name);
  const target = Buffer.alloc(LINK_BYTES_MOST);
  const length = checked(libc.readLink(link.fd, target));
  return target.toString("utf8", 0, length);
}
