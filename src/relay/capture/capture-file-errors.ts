import type { Stats } from "node:fs";
import { dirname, join } from "node:path";
import { errnoWords } from "../../os/errno.ts";
import { RelayError } from "../error.ts";

/** The error if another relay captures into the file. */
export function captureInUse(path: string): RelayError {
  return new RelayError(
    "EBUSY",
    path,
    `cannot capture into ${path}: another relay captures into this file; choose another name for --capture`,
  );
}

/** The error if the file at the path is not a capture; `stats` describes this file. */
export function noCaptureFile(path: string, stats: Stats): RelayError {
  const [what, fix] = describe(path, stats);
  return new RelayError(
    stats.isDirectory() ? "EISDIR" : "EEXIST",
    path,
    `cannot capture into ${path}: ${what}; ${fix}`,
  );
}

/** The error if a system call failed with the code. `fix` says how to fix the problem. */
export function captureFailure(
  path: string,
  code: string,
  fix: string | undefined = FIXES[code]?.(path),
): RelayError {
  return new RelayError(
    code,
    path,
    `cannot capture into ${path}: ${errnoWords(code)} (${code})${fix === undefined ? "" : `; ${fix}`}`,
  );
}

const ANOTHER = "choose another name for --capture";

/** Says what is at the path, and how to fix the option. */
function describe(path: string, stats: Stats): readonly [what: string, fix: string] {
  if (stats.isDirectory())
    return ["this is a folder", `name a file in it, such as ${join(path, "relay.pcapng")}`];
  if (stats.isSymbolicLink())
    return ["this is a symbolic link, which is not followed", "name the file itself"];
  if (stats.isFIFO()) return ["this is a named pipe, and a capture needs a file", ANOTHER];
  if (stats.isCharacterDevice() || stats.isBlockDevice())
    return ["this is a device, and a capture needs a file", ANOTHER];
  if (stats.isSocket()) return ["this is a socket, and a capture needs a file", ANOTHER];
  return ["this file is no capture", ANOTHER];
}

/** The fix if the file at the path belongs to another user. */
export const OF_ANOTHER_USER = `the file belongs to another user; ${ANOTHER}`;

const FIXES: Readonly<Record<string, (path: string) => string>> = {
  ENOENT: (path) => `make the folder ${dirname(path)} first`,
  ENOTDIR: (path) => `${dirname(path)} must be a folder`,
  EISDIR: () => "name a file in it",
  EACCES: (path) => `the relay's user must be able to write in the folder ${dirname(path)}`,
  EPERM: () => OF_ANOTHER_USER,
  ENAMETOOLONG: () => "choose a shorter name for --capture",
  EROFS: () => "choose a folder that can be written (in a systemd unit: LogsDirectory=)",
};
