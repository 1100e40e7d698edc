import { chmodSync, chownSync } from "node:fs";
import { basename } from "node:path";
import type { SocketEndpoint } from "../../../address/address.ts";
import { checked, ENODATA, EOPNOTSUPP } from "../../../os/errno.ts";
import { libc } from "../../../os/libc.ts";
import { RelayError, relayError } from "../../error.ts";
import { findStale, moveIntoPlace } from "./move-into-place.ts";
import { isTrusted, openFolderOf } from "./open-folder.ts";
import {
  identityAt,
  identityOf,
  isInPlace,
  isSameFile,
  type PlacedFile,
  removeAt,
} from "./placed-file.ts";
import { PinnedFile } from "./pinned-file.ts";
import { openWorkshop } from "./workshop.ts";

/** Who may use a Unix source's file; what is left out stays as the process makes it. */
export interface Permissions {
  readonly mode?: number | undefined;
  readonly owner?: number | undefined;
  readonly group?: number | undefined;
}

/** How a socket's file is made. */
export interface SocketFileOptions extends Permissions {
  /** Missing folders are made with this mode; where it is undefined they are an error. */
  readonly directoryMode?: number | undefined;
  /** The destination of a relay: a path that leads to the relay's own socket is refused. */
  readonly destination?: SocketEndpoint | undefined;
}

// chown(2)
const UNCHANGED = -1;

/** Something that listens: a socket's listener, a web server. */
interface Listener {
  stop(): unknown;
}

/** A listener on a path, and the file that leads to it. */
export interface PlacedListener<Bound extends Listener> {
  readonly listener: Bound;
  readonly file: PlacedFile;
}

/**
 * Listens on `path` so that nobody ever meets a socket half made: it is bound in a private folder
 * beside the path, gets its owner and mode there, and is then moved into place.
 *
 * A path that leads to a socket which some process has bound, or to anything that is no socket, is
 * left as it is; a stale socket is replaced. Of several relays that start on one stale path one wins.
 *
 * ## Against somebody who owns the folder
 *
 * A relay of root may have its socket in the folder of a user who is not to be trusted. He may rename,
 * replace and remove each entry of that folder at any moment, so that he can always put another
 * socket at the path. He must not make the relay change the mode, the owner or the content of any
 * other file. So no step depends on whom a name in his folder leads to:
 *
 * - The folder is opened once (`open-folder.ts`); all later steps start from its descriptor. Who owns
 *   a folder further up cannot lead them elsewhere.
 * - The private folder is checked after it was opened: it belongs to this user, and nobody else may
 *   enter it. He may have put another such folder there; even then he can change nothing in it.
 * - In it, bind(2) makes a name that nobody can know before and nobody else can replace. Mode and
 *   owner are then set through a descriptor of the socket's file, not by a name.
 * - rename(2) into place replaces nothing, or exchanges. What was exchanged out is removed only if it
 *   is the stale socket that was looked at, by device and inode, while a descriptor of it is held so
 *   that the number is not given to another file. All else is put back.
 * - Where Bun binds it removes that name again when it stops listening, and the descriptor's number may
 *   be another folder's by then. The name is random: no other file has it.
 * - rmdir(2) removes an empty folder of his at most, unlink(2) at exit (`placed-file.ts`) a file in
 *   the very folder where he may write: both he can do by himself.
 *
 * Nor may he let himself in. What a folder hands down to new files, a group (mode 2000, inode(7)) and a
 * list of users (acl(5)), the socket takes only from a folder of root or of this process's user.
 *
 * In a folder where he may write and which he does not own (mode 1777, as /tmp) he can replace none
 * of these names.
 *
 * Without FFI all of that holds, but for three: a socket that is there is never replaced, the text of
 * a link on the path is read by the link's name, and a list of users is handed down. On another
 * system than Linux there are no such descriptors: the names are used, which is safe in a folder of
 * one's own only.
 *
 * @param bind - binds and listens at the name that it is given
 * @throws {RelayError} where the path is taken, or the system's error of what failed.
 */
export async function listenOnPath<Bound extends Listener>(
  path: string,
  options: SocketFileOptions,
  bind: (path: string) => Bound,
): Promise<PlacedListener<Bound>> {
  using folder = openFolderOf(path, options.directoryMode);
  const target = folder.entry(basename(path));
  // Where the path is taken, nothing has been touched.
  findStale(target, path, null)?.[Symbol.dispose]();
  const isOurs = isTrusted(folder.stats().uid);
  using workshop = await openWorkshop(folder, path);
  if (!isOurs) refuseInheritance(workshop.folder);
  const made = workshop.folder.entry(crypto.randomUUID());
  const listener = bind(made);
  try {
    const { group = isOurs ? undefined : process.getegid?.() } = options;
    return { listener, file: place(made, target, path, { ...options, group }) };
  } catch (error) {
    listener.stop();
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
    return file;
  } catch (error) {
    removeAt(made, file.identity);
    removeAt(target, file.identity);
    throw error;
  }
}

/** Takes from a folder what it hands down of its own list of users: setfacl(1), `default:`. */
function refuseInheritance({ path }: PinnedFile): void {
  const result = libc?.removeAttribute(path, "system.posix_acl_default") ?? 0;
  // It has none, or the file system knows no such lists.
  if (result !== -ENODATA && result !== -EOPNOTSUPP) checked(result);
}

/** The destination's path may lead here by links that its text does not show. */
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
  // A sandbox may forbid the call itself.
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

// chown(2): anybody but root gives a file only to a group of his own.
const GROUP_FIX =
  "only a member of a group gives it a file: add the relay's user to it (in a unit: SupplementaryGroups=, " +
  "or Group= beside PrivateUsers=)";
const OWNER_FIX = "only root gives a file to another user; let systemd listen, with SocketUser=";
