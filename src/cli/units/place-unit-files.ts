import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { absolutePath } from "../../os/canonical-path.ts";
import { errnoWords, errorCode } from "../../os/errno.ts";
import { leadToSameFile } from "../../os/same-file.ts";
import type { UnitFile } from "../../systemd/units/unit-file.ts";

/**
 * The error of `placeUnits` about a unit file that could not be written. The message names the
 * file. After this error, all files are as they were before, unless `force` was true.
 */
export class UnitFilesError extends Error {
  override readonly name = "UnitFilesError";
}

/** A unit file that now has the wanted text. */
export interface PlacedFile {
  readonly path: string;
  /**
   * The change to the file. `replaced` means that the file had another text, which was overwritten.
   */
  readonly outcome: "written" | "replaced" | "unchanged";
}

/**
 * Returns a path of the folder that is safe for `join`. `join` removes each `..` together with the
 * name before the `..`. If this name is a link, the shorter path leads to another folder.
 *
 * @param folder - a path of a folder that exists
 */
export function joinableFolder(folder: string): string {
  return leadToSameFile(folder, join(folder)) ? folder : absolutePath(folder);
}

/**
 * Writes units into a folder, and drop-ins into folders below it. Without `force`, either all files
 * are written or none. A file that already has the wanted text is left alone. A file with another
 * text is overwritten only with `force`.
 *
 * @throws {UnitFilesError}
 */
export function placeUnits(
  folder: string,
  units: readonly UnitFile[],
  force: boolean,
): PlacedFile[] {
  const files = units.map(({ name, text }) => {
    const path = join(folder, name);
    return { path, text, outcome: outcomeOf(path, text) };
  });
  const taken = files.find(({ outcome }) => outcome === "replaced");
  if (taken !== undefined && !force) throw exists(taken.path);
  const changes = files.filter(({ outcome }) => outcome !== "unchanged");
  // Removes the new files and folders after an error. JavaScript disposes in reverse order: first
  // `leftovers` removes the temporary files, so the folders are empty when `placed` removes them.
  using placed = new DisposableStack();
  using leftovers = new DisposableStack();
  const staged = changes.map(({ path, text }) => {
    if (dirname(path) !== join(folder)) makeFolder(dirname(path), placed);
    const name = join(dirname(path), `.${crypto.randomUUID()}`);
    // Remove the file only if it exists. On a read-only file system no file was made, and the
    // removal would fail with an error of its own, which would hide the first error.
    leftovers.defer(() => {
      if (existsSync(name)) rmSync(name, { force: true });
    });
    attempt(path, () => writeFileSync(name, text, { flag: "wx" }));
    return { name, path };
  });
  for (const { name, path } of staged) {
    attempt(path, () => (force ? renameSync(name, path) : linkSync(name, path)));
    if (!force) placed.defer(() => rmSync(path));
  }
  placed.move();
  return files.map(({ path, outcome }) => ({ path, outcome }));
}

function outcomeOf(path: string, text: string): PlacedFile["outcome"] {
  const found = attempt(path, () => lstatSync(path, { throwIfNoEntry: false }));
  if (found === undefined) return "written";
  // A folder cannot be replaced. This check runs before any file is replaced.
  if (found.isDirectory()) throw new UnitFilesError(`cannot write ${path}: it is a folder`);
  const isSame = found.isFile() && attempt(path, () => readFileSync(path, "utf8")) === text;
  return isSame ? "unchanged" : "replaced";
}

/** Makes the folder of a drop-in if it does not exist. */
function makeFolder(path: string, placed: DisposableStack): void {
  if (existsSync(path)) return;
  attempt(path, () => mkdirSync(path));
  placed.defer(() => rmdirSync(path));
}

function attempt<Result>(path: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    const code = errorCode(error);
    if (code === "EEXIST") throw exists(path);
    throw new UnitFilesError(`cannot write ${path}: ${errnoWords(code)} (${code})`, {
      cause: error,
    });
  }
}

function exists(path: string): UnitFilesError {
  return new UnitFilesError(
    `${path} exists already; --name=NAME gives this relay units of its own, --force overwrites it`,
  );
}
