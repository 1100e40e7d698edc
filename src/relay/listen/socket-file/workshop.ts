import { constants, mkdirSync, rmdirSync } from "node:fs";
import { basename } from "node:path";
import { EAGAIN, errorCode } from "../../../os/errno.ts";
import { libc } from "../../../os/libc.ts";
import { RelayError } from "../../error.ts";
import { identityOf, isAt } from "./placed-file.ts";
import { PinnedFile } from "./pinned-file.ts";

// How long the lock is waited for, in milliseconds: relays hold it for one or two.
const PATIENCE = 2_000;
const PAUSE = 10;

/** A folder that only this process's user may enter, for as long as a socket is made in it. */
export interface Workshop extends Disposable {
  readonly folder: PinnedFile;
}

/**
 * Opens a private folder (mode 0700) in the folder where a socket is to be placed.
 *
 * The folder is also a lock: relays of one user that start on one path share it and take their
 * turns. Nobody else can hold that lock, because flock(2) needs a descriptor, and only this user can
 * open the folder. The kernel gives it back when a process ends, however it ends.
 *
 * Nor is the lock needed for a start. Where the shared folder is another user's, or its lock is not
 * to be had within seconds, the relay goes on in a folder of its own.
 *
 * @throws {RelayError} where somebody replaces what is made in the folder, or the system's error.
 */
export async function openWorkshop(folder: PinnedFile, path: string): Promise<Workshop> {
  return (await openShared(folder, path)) ?? openOwn(folder, path);
}

async function openShared(folder: PinnedFile, path: string): Promise<Workshop | null> {
  // Without FFI there is no flock(2).
  if (libc === null) return null;
  const entry = folder.entry(`.${basename(path)}.relay-${process.geteuid?.() ?? 0}`);
  for (const until = performance.now() + PATIENCE; performance.now() < until;) {
    const opened = open(entry);
    if (opened === "not ours") return null;
    if (opened !== "gone") {
      // Of another answer than "somebody holds it", as of a file system without locks, nothing follows.
      const isHeld = opened.folder.fd !== null && libc.lock(opened.folder.fd) === -EAGAIN;
      // Who held the lock has removed the folder; relays to come make it anew and lock that one.
      if (!isHeld && isAt(entry, identityOf(opened.folder.stats()))) return opened;
      opened.folder[Symbol.dispose]();
    }
    await Bun.sleep(PAUSE);
  }
  return null;
}

function openOwn(folder: PinnedFile, path: string): Workshop {
  const opened = open(folder.entry(`.relay-${crypto.randomUUID()}`));
  if (typeof opened !== "string") return opened;
  throw new RelayError(
    "EPERM",
    path,
    `cannot listen on ${path}: somebody replaces what is made in its folder; choose a folder where ` +
      "only this user may write",
  );
}

/**
 * Makes and opens a folder. "not ours" where something else has that name: what others may enter, or
 * own, is left alone. A folder that is private and ours is as good as the one that was made, whoever
 * has put it there: he could not touch what is in it.
 */
function open(entry: string): Workshop | "not ours" | "gone" {
  try {
    mkdirSync(entry, 0o700);
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw error;
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

/** Removes the folder and gives the lock back, in that order. */
function remove(entry: string, folder: PinnedFile): void {
  try {
    // Of what somebody has put in its place it removes an empty folder at most, which he could, too.
    rmdirSync(entry);
  } catch (error) {
    // A relay that was killed may have left its socket there; it harms nobody.
    if (!["ENOTEMPTY", "ENOENT", "ENOTDIR"].includes(errorCode(error))) throw error;
  } finally {
    folder[Symbol.dispose]();
  }
}
