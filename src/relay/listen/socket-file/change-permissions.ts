import { type BigIntStats, chmodSync, chownSync, lstatSync } from "node:fs";
import { basename, dirname } from "node:path";
import { relayError } from "../../error.ts";
import type { Permissions } from "./listen-on-path.ts";
import { PinnedFile } from "./pin-file-by-descriptor.ts";
import { identityOf, isSameFile, unlessGone } from "./identify-and-remove.ts";
import type { PlacedFile } from "../../kinds-of-source.ts";

const MODE_BITS = 0o7777;
const MODE_MOST = 0o777;

/** All permissions of a file. */
export type WholePermissions = { readonly [Name in keyof Permissions]-?: number };

/**
 * Changes the permissions of a listening socket's file; omitted fields stay unchanged. Returns a
 * function that restores the old permissions. Both functions change nothing if another file is at
 * the path.
 *
 * @throws {RelayError} if the system refuses the change; in this case the file is unchanged.
 */
export function changePermissions(file: PlacedFile, changes: Permissions): () => void {
  const { path, identity } = file;
  try {
    using folder = PinnedFile.folder(dirname(path));
    using pinned = new PinnedFile(folder.entry(basename(path)));
    const stats = pinned.stats();
    if (!isSameFile(identityOf(stats), identity)) return () => {};
    const before = permissionsIn(stats);
    const { mode = before.mode, owner = before.owner, group = before.group } = changes;
    setPermissions(pinned.path, before, { mode, owner, group });
    return () => void changePermissions(file, before);
  } catch (error) {
    throw relayError("change the permissions of", path, error, fixOf(changes));
  }
}

/** Returns the permissions of a placed file; null if the file is not at its path any more. */
export function permissionsOf({ path, identity }: PlacedFile): WholePermissions | null {
  const stats = unlessGone(() => lstatSync(path, { bigint: true }));
  return stats !== null && isSameFile(identityOf(stats), identity) ? permissionsIn(stats) : null;
}

function permissionsIn({ mode, uid, gid }: BigIntStats): WholePermissions {
  return { mode: Number(mode) & MODE_BITS, owner: Number(uid), group: Number(gid) };
}

/** Returns the changes that turn the permissions `from` of a file into the permissions `to`. */
export function permissionChanges(from: Permissions, to: Permissions): Permissions {
  return {
    ...(from.mode !== to.mode && { mode: to.mode ?? MODE_MOST & ~process.umask() }),
    ...(from.owner !== to.owner && { owner: to.owner ?? process.geteuid?.() }),
    ...(from.group !== to.group && { group: to.group ?? process.getegid?.() }),
  };
}

/**
 * Changes mode and owner in a safe order. Between the steps, only users who may connect before or
 * after the change can connect.
 */
function setPermissions(path: string, before: WholePermissions, after: WholePermissions): void {
  if (after.owner === before.owner && after.group === before.group)
    return chmodSync(path, after.mode);
  chmodSync(path, before.mode & after.mode);
  try {
    chownSync(path, after.owner, after.group);
  } catch (error) {
    chmodSync(path, before.mode);
    throw error;
  }
  chmodSync(path, after.mode);
}

function fixOf({ owner, group }: Permissions): string {
  if (owner !== undefined) return "only root can give a file to another user (see owner)";
  return group === undefined ? "" : "only members of a group can give a file to it (see group)";
}
