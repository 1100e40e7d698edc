import { linkSync, renameSync, unlinkSync } from "node:fs";
import {
  checked,
  EEXIST,
  EINVAL,
  ENOENT,
  ENOSYS,
  errnoCode,
  errnoWords,
  errorCode,
} from "../../../os/errno.ts";
import { type Libc, libc } from "../../../os/libc.ts";
import { RENAME_EXCHANGE, RENAME_NOREPLACE } from "../../../os/linux-constants.ts";
import { RelayError } from "../../error.ts";
import { identityOf, isAt } from "./identify-and-remove.ts";
import type { FileIdentity } from "../../kinds-of-source.ts";
import { PinnedFile } from "./pin-file-by-descriptor.ts";
import { probeSocket } from "./socket-probe.ts";

// The maximum number of tries to move a socket into place. Another try is needed when a file that
// the relay has found at the path disappears before the relay's next step.
const TRIES = 100;

/**
 * Checks that a socket may be placed at `target`: the path is free, or has a stale socket.
 *
 * @param path - the target as the user wrote it
 * @param own - see `probeSocket`
 * @returns the stale socket, or null if the path is free
 * @throws {RelayError} if the path is taken
 */
export function findStale(target: string, path: string, own: string | null): PinnedFile | null {
  const found = pinIfThere(target);
  if (found === null) return null;
  try {
    refuseUnlessStale(found, path, own);
    return found;
  } catch (error) {
    found[Symbol.dispose]();
    throw error;
  }
}

/**
 * Moves a socket from `made`, a name in a private folder, to `target`. A stale socket is replaced
 * atomically. Every other file at `target` is left alone, with one exception: on a file system that
 * cannot exchange two files, a file that appears between the check and the move is lost.
 *
 * @throws {RelayError} if the path is taken; or the system's error.
 */
export function moveIntoPlace(made: string, target: string, path: string): void {
  for (let tries = 0; tries < TRIES; tries += 1) {
    if (moveToFree(made, target)) return;
    using stale = findStale(target, path, made);
    if (stale === null || libc === null) continue;
    if (replaceStale(libc, identityOf(stale.stats()), made, target, path)) return;
  }
  throw taken(path, "a file at the path keeps appearing and disappearing", "choose another path");
}

/** Moves the socket to `target` if no file is there; returns false if a file is there. */
function moveToFree(made: string, target: string): boolean {
  const result = libc === null ? -ENOSYS : libc.rename(made, target, RENAME_NOREPLACE);
  if (result >= 0) return true;
  if (result === -EEXIST) return false;
  if (!isUnsupported(result)) checked(result);
  try {
    // Unlike rename(2), link(2) replaces nothing.
    linkSync(made, target);
  } catch (error) {
    if (errorCode(error) === "EEXIST") return false;
    throw error;
  }
  unlinkSync(made);
  return true;
}

function isUnsupported(result: number): boolean {
  return result === -EINVAL || result === -ENOSYS;
}

function pinIfThere(path: string): PinnedFile | null {
  try {
    return new PinnedFile(path);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return null;
    throw error;
  }
}

function refuseUnlessStale(found: PinnedFile, path: string, own: string | null): void {
  const stats = found.stats();
  if (stats.isDirectory())
    throw taken(path, "a folder is there", `choose a path in it, such as ${path}/socket`);
  if (!stats.isSocket())
    throw taken(
      path,
      "something that is not a socket is there",
      "it is left alone: choose another path",
    );
  if (libc === null)
    throw taken(
      path,
      "a socket is there, and without FFI the relay cannot check whether it is in use",
      "remove it if it is not",
    );
  const use = probeSocket(libc, found.path, own);
  if (use === "stale") return;
  if (use === "bound")
    throw taken(path, "another program serves that socket", "stop it or choose another path");
  throw taken(
    path,
    "a socket is there, and this user cannot check whether it is in use: " +
      `${errnoWords(use.unknown)} (${use.unknown})`,
    "if it is not, remove it",
  );
}

/**
 * Exchanges the new socket and the stale socket, then removes the stale socket. Returns false if
 * the stale socket has disappeared. If another file has replaced the stale socket, that file is
 * moved back.
 *
 * @throws {RelayError} if another file was there, or the exchange is refused
 */
function replaceStale(
  system: Libc,
  stale: FileIdentity,
  made: string,
  target: string,
  path: string,
): boolean {
  const result = system.rename(made, target, RENAME_EXCHANGE);
  if (result === -ENOENT) return false;
  if (isUnsupported(result)) {
    // This file system cannot exchange two files, so rename(2) replaces the file at the path. That
    // file is normally the stale socket. It is not the socket of another starting relay of this
    // user: these relays start one after the other, because each locks the private folder. But if
    // another program has put a file there since the relay found the stale socket, that file is
    // lost.
    renameSync(made, target);
    return true;
  }
  if (result < 0) {
    // The system refused the exchange, for example because the stale socket belongs to another user
    // and the folder has the mode 1777.
    const code = errnoCode(result);
    throw new RelayError(
      code,
      path,
      `cannot listen on ${path}: the stale socket there cannot be replaced: ` +
        `${errnoWords(code)} (${code}); remove it`,
    );
  }
  if (isAt(made, stale)) {
    unlinkSync(made);
    return true;
  }
  if (system.rename(made, target, RENAME_EXCHANGE) < 0)
    system.rename(made, target, RENAME_NOREPLACE);
  throw taken(path, "another file was put there meanwhile", "choose another path");
}

function taken(path: string, reason: string, fix: string): RelayError {
  return new RelayError("EADDRINUSE", path, `cannot listen on ${path}: ${reason}; ${fix}`);
}
