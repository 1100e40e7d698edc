import { type BigIntStats, lstatSync, statSync, unlinkSync } from "node:fs";
import { basename, dirname } from "node:path";
import { errorCode } from "../../../os/errno.ts";
import type { FileIdentity, PlacedFile } from "../../kinds-of-source.ts";
import { PinnedFile } from "./pin-file-by-descriptor.ts";

export function identityOf({ dev, ino }: BigIntStats): FileIdentity {
  return { dev: String(dev), ino: String(ino) };
}

export function isSameFile(one: FileIdentity, other: FileIdentity): boolean {
  return one.ino === other.ino && one.dev === other.dev;
}

/** Whether the identified file itself is at a path; false for a symbolic link to that file. */
export function isAt(path: string, file: FileIdentity): boolean {
  const found = unlessGone(() => lstatSync(path, { bigint: true }));
  return found !== null && isSameFile(identityOf(found), file);
}

/** Whether the placed file is still at its path. */
export function isInPlace({ path, identity }: PlacedFile): boolean {
  return isAt(path, identity);
}

/**
 * Removes the placed file if it is still at its path.
 *
 * Between the check and the removal, another user may put another file at the path, and the relay
 * removes this other file. That is no danger: only a user with write permission in the folder can
 * put a file there, and this user could remove the other file also without the relay. The check and
 * the removal use the same open folder, so they cannot be led to different folders.
 */
export function removeFile({ path, identity }: PlacedFile): void {
  using folder = unlessGone(() => PinnedFile.folder(dirname(path)));
  if (folder !== null) removeAt(folder.entry(basename(path)), identity);
}

/** Removes the file at a path in an open folder, if it is the identified file. */
export function removeAt(path: string, file: FileIdentity): void {
  if (!isAt(path, file)) return;
  try {
    unlinkSync(path);
  } catch (error) {
    // Somebody else has already removed the file.
    if (errorCode(error) !== "ENOENT") throw error;
  }
}

/**
 * The identity of the file that a connection to `path` reaches after following symbolic links; null
 * if there is no file.
 */
export function identityAt(path: string): FileIdentity | null {
  const found = unlessGone(() => statSync(path, { bigint: true }));
  return found === null ? null : identityOf(found);
}

/**
 * Returns the result of `look`; null if there is no file at the path, or if the path cannot be
 * followed.
 */
export function unlessGone<Result>(look: () => Result): Result | null {
  try {
    return look();
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "ELOOP", "EACCES"].includes(errorCode(error))) return null;
    throw error;
  }
}
