import { chmodSync, chownSync, rmSync } from "node:fs";
import { basename } from "node:path";
import type { SocketEndpoint } from "../../../address/address.ts";
import { checked, ENODATA, EOPNOTSUPP } from "../../../os/errno.ts";
import { libc } from "../../../os/libc.ts";
import { RelayError, relayError } from "../../error.ts";
import { findStale, moveIntoPlace } from "./move-into-place.ts";
import { isTrusted, openFolderOf } from "./walk-to-folder.ts";
import { identityAt, identityOf, isInPlace, isSameFile, removeAt } from "./identify-and-remove.ts";
import type { PlacedFile } from "../../kinds-of-source.ts";
import { PinnedFile } from "./pin-file-by-descriptor.ts";
import { openPrivateFolder } from "./make-private-folder.ts";

/** The permissions of a Unix source's file; omitted fields get the process's defaults. */
export interface Permissions {
  readonly mode?: number | undefined;
  readonly owner?: number | undefined;
  readonly group?: number | undefined;
}

/** The options for creating a socket file. */
export interface SocketFileOptions extends Permissions {
  /** The mode for creating missing folders; if undefined, a missing folder is an error. */
  readonly directoryMode?: number | undefined;
  /** The relay's destination; refused if its path leads to the relay's own socket. */
  readonly destination?: SocketEndpoint | undefined;
  /** Called as soon as the socket file is in its place. */
  readonly placed?: ((file: PlacedFile) => void) | undefined;
}

// The id with which chown(2) leaves the owner or the group unchanged.
const UNCHANGED = -1;

/** A listener on a socket, either of a relay or of a web server. */
interface Listener {
  stop(): unknown;
}

/** A listener on a path, and its socket file. */
export interface PlacedListener<Bound extends Listener> {
  readonly listener: Bound;
  readonly file: PlacedFile;
}

/**
 * Listens on `path`. Clients never see an unfinished socket: the socket is bound in a private
 * folder beside the path, gets its owner and mode there, and is then moved into place.
 *
 * A stale socket at the path is replaced. A bound socket, or a file of another type, is left alone
 * and gives an error. If several relays start at the same time on the path of a stale socket, one
 * of them gets the path.
 *
 * ## Defense against the folder's owner
 *
 * A relay that runs as root may place its socket in the folder of an untrusted user (the attacker).
 * The attacker can rename, replace and remove each entry of that folder at any moment, and so can
 * always put another socket at the path. But the attacker must not make the relay change the mode,
 * the owner or the content of any other file. So no step trusts that a name in that folder still
 * leads to the same file:
 *
 * - The folder is opened once (`walk-to-folder.ts`), and all later steps start from its descriptor.
 *   The owner of a folder further up cannot redirect these steps.
 * - The private folder is checked after it was opened: it belongs to this process's user, and
 *   nobody else may enter it. The attacker may have moved another private folder of this user
 *   there, but cannot change its content.
 * - In the private folder, bind(2) creates a random name that nobody else can replace. Mode and
 *   owner are then set through a descriptor of the socket file, not by name.
 * - rename(2) moves the socket into place. If the path is free, the socket takes it without
 *   replacing a file. Otherwise the socket and the file at the path are exchanged. After an
 *   exchange, the relay removes the other file only if its device and inode numbers are those of
 *   the stale socket that the relay has found before. A descriptor of the stale socket stays open
 *   until then, so that its inode number is not reused. Any other file is moved back. There is one
 *   exception: on a file system that cannot exchange two files, rename(2) replaces the file at the
 *   path.
 * - If Bun has bound the socket, Bun removes the bound name when it stops listening. This name is a
 *   path through a descriptor number (`/proc/self/fd/N/…`), and by then N may be the descriptor of
 *   another folder. Bun then removes nothing, because the last part of the name is random, and no
 *   file in the other folder has this name.
 * - rmdir(2) can remove at most an empty folder of the attacker. unlink(2) at exit
 *   (`identify-and-remove.ts`) can remove only a file in the folder where the attacker may write.
 *   The attacker could do both without the relay.
 *
 * The attacker must not gain access to the socket either. A folder can pass a group (mode 2000,
 * inode(7)) and a list of users (acl(5)) to new files. The socket inherits them only from a folder
 * of root or of this process's user.
 *
 * In a shared folder (mode 1777, such as /tmp) users who do not own the folder can replace none of
 * these names.
 *
 * Without FFI the relay does the same, with three exceptions: it never replaces an existing socket,
 * it reads the target of a symbolic link by the link's name, and the socket also inherits a list of
 * users from another user's folder. On systems other than Linux the relay uses names instead of the
 * descriptors of folders and files, which is safe only in a folder of the relay's own user.
 *
 * @param bind - binds a socket to the given name, and listens on it
 * @throws {RelayError} if the path is taken; or the system's error.
 */
export async function listenOnPath<Bound extends Listener>(
  path: string,
  options: SocketFileOptions,
  bind: (path: string) => Bound,
): Promise<PlacedListener<Bound>> {
  using folder = openFolderOf(path, options.directoryMode);
  const target = folder.entry(basename(path));
  // If the path is taken, fail before anything changes.
  findStale(target, path, null)?.[Symbol.dispose]();
  const isOurs = isTrusted(folder.stats().uid);
  using privateFolder = await openPrivateFolder(folder, path);
  if (!isOurs) refuseInheritance(privateFolder.folder);
  const made = privateFolder.folder.entry(crypto.randomUUID());
  const listener = bind(made);
  try {
    const { group = isOurs ? undefined : process.getegid?.() } = options;
    return { listener, file: place(made, target, path, { ...options, group }) };
  } catch (error) {
    listener.stop();
    // If no descriptor is left, `place` could not remove the socket.
    rmSync(made, { force: true });
    throw error;
  }
}

function place(made: string, target: string, path: string, options: SocketFileOptions): PlacedFile {
  using socket = new PinnedFile(made);
  const file = { path, identity: identityOf(socket.stats()) };
  try {
    setPermissions(socket, path, options);
    moveIntoPlace(made, target, path);
    if (!isInPlace(file))
      throw new RelayError(
        "ENOENT",
        path,
        `cannot listen on ${path}: somebody replaced the file or its folder meanwhile; start again`,
      );
    refuseOwnDestination(file, options.destination);
    options.placed?.(file);
    return file;
  } catch (error) {
    removeAt(made, file.identity);
    removeAt(target, file.identity);
    throw error;
  }
}

/**
 * Removes the private folder's default ACL, so that the socket does not inherit it (setfacl(1)).
 */
function refuseInheritance({ path }: PinnedFile): void {
  const result = libc?.removeAttribute(path, "system.posix_acl_default") ?? 0;
  // These two codes are no failure: the folder has no default ACL, or the file system does not
  // support ACLs.
  if (result !== -ENODATA && result !== -EOPNOTSUPP) checked(result);
}

/** Refuses a destination path that leads to the relay's own socket through symbolic links. */
function refuseOwnDestination({ path, identity }: PlacedFile, destination?: SocketEndpoint): void {
  if (destination?.kind !== "unix") return;
  const reached = identityAt(destination.path);
  if (reached === null || !isSameFile(reached, identity)) return;
  throw new RelayError(
    "ELOOP",
    path,
    `cannot listen on ${path}: DESTINATION ${destination.path} leads to the same socket, and the ` +
      "relay would only talk to itself",
  );
}

function setPermissions(
  socket: PinnedFile,
  path: string,
  { mode, owner, group }: Permissions,
): void {
  if (mode !== undefined) chmodSync(socket.path, mode);
  const { uid, gid } = socket.stats();
  const [newOwner, newGroup] = [change(owner, uid), change(group, gid)];
  // Call chown(2) only to change something, because a sandbox may forbid every call of chown(2).
  if (newOwner === UNCHANGED && newGroup === UNCHANGED) return;
  try {
    chownSync(socket.path, newOwner, newGroup);
  } catch (error) {
    if (newOwner === UNCHANGED) throw relayError("set the group of", path, error, GROUP_FIX);
    throw relayError("set the owner of", path, error, OWNER_FIX);
  }
}

function change(wanted: number | undefined, now: bigint): number {
  return wanted === undefined || BigInt(wanted) === now ? UNCHANGED : wanted;
}

// How to fix a failed change of the file's group. Without root, a process can give a file only to
// one of its own groups (chown(2)).
const GROUP_FIX =
  "only members of a group can give a file to it: add the relay's user (in a unit: SupplementaryGroups=, " +
  "or Group= beside PrivateUsers=)";
// How to fix a failed change of the file's owner.
const OWNER_FIX = "only root can give a file to another user; let systemd listen, with SocketUser=";
