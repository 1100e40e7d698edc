import { type BigIntStats, lstatSync, statSync, unlinkSync } from "node:fs";
import { basename, dirname } from "node:path";
import { errorCode } from "../../../os/errno.ts";
import { PinnedFile } from "./pinned-file.ts";

/** Which file one is, on this machine, for as long as it exists: stat(2). */
export interface FileIdentity {
  /** Decimal numbers: an inode number may be greater than what a JavaScript number can hold. */
  readonly dev: string;
  readonly ino: string;
}

/**
 * A socket's file that was made here, and where it was put. A plain value: another thread, or a
 * process that takes over the socket, can watch and remove the file by it.
 *
 * An inode number is another file's again only after the file has gone and its socket is closed.
 */
export interface PlacedFile {
  readonly path: string;
  readonly identity: FileIdentity;
}

export function identityOf({ dev, ino }: BigIntStats): FileIdentity {
  return { dev: String(dev), ino: String(ino) };
}

export function isSameFile(one: FileIdentity, other: FileIdentity): boolean {
  return one.ino === other.ino && one.dev === other.dev;
}

/** Whether the file at a path is that one; a link to it is not. */
export function isAt(path: string, file: FileIdentity): boolean {
  const found = unlessGone(() => lstatSync(path, { bigint: true }));
  return found !== null && isSameFile(identityOf(found), file);
}

/** Whether the file at the path is still the one that was put there. */
export function isInPlace({ path, identity }: PlacedFile): boolean {
  return isAt(path, identity);
}

/**
 * Removes the file if it is still the one that was put there.
 *
 * Between the look and the removal somebody may put another file there, if he may write in that very
 * folder; then he may remove that file himself. The folder is the same for both steps.
 */
export function removeFile({ path, identity }: PlacedFile): void {
  using folder = unlessGone(() => PinnedFile.folder(dirname(path)));
  if (folder !== null) removeAt(folder.entry(basename(path)), identity);
}

/** Removes the file at a path in a folder that is held open, if it is that one. */
export function removeAt(path: string, file: FileIdentity): void {
  if (!isAt(path, file)) return;
  try {
    unlinkSync(path);
  } catch (error) {
    // Somebody was faster.
    if (errorCode(error) !== "ENOENT") throw error;
  }
}

/** The file that a connection to `path` reaches, by whatever links; null where there is none. */
export function identityAt(path: string): FileIdentity | null {
  const found = unlessGone(() => statSync(path, { bigint: true }));
  return found === null ? null : identityOf(found);
}

/** Null where nothing is at the path that is looked at, or nothing any more. */
function unlessGone<Result>(look: () => Result): Result | null {
  try {
    return look();
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "ELOOP", "EACCES"].includes(errorCode(error))) return null;
    throw error;
  }
}
