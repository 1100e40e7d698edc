import { linkSync, lstatSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { errnoWords, errorCode } from "../../os/errno.ts";
import type { UnitFile } from "../../systemd/units/unit-files.ts";

/** Unit files that could not be written; the message names the file. Nothing was changed. */
export class UnitFilesError extends Error {
  override readonly name = "UnitFilesError";
}

/** A file that was written. */
export interface PlacedFile {
  readonly path: string;
  /** Whether it took the place of another. */
  readonly replaced: boolean;
}

/**
 * Writes units into a folder, all or none. Only with `force` do they take the place of others.
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
    return { path, text, replaced: isThere(path) };
  });
  const taken = files.find(({ replaced }) => replaced);
  if (taken !== undefined && !force) throw exists(taken.path);
  using leftovers = new DisposableStack();
  const staged = files.map(({ path, text }) => {
    const name = join(folder, `.${crypto.randomUUID()}`);
    leftovers.defer(() => rmSync(name, { force: true }));
    attempt(path, () => writeFileSync(name, text, { flag: "wx" }));
    return { name, path };
  });
  using placed = new DisposableStack();
  for (const { name, path } of staged) {
    attempt(path, () => (force ? renameSync(name, path) : linkSync(name, path)));
    if (!force) placed.defer(() => rmSync(path));
  }
  placed.move();
  return files;
}

function isThere(path: string): boolean {
  const found = attempt(path, () => lstatSync(path, { throwIfNoEntry: false }));
  // What cannot be replaced has to be known before anything is.
  if (found?.isDirectory()) throw new UnitFilesError(`cannot write ${path}: it is a folder`);
  return found !== undefined;
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
  return new UnitFilesError(`${path} is there already; --force overwrites it`);
}
