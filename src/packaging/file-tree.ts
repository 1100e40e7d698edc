import { chmodSync, copyFileSync, mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** A file of a package. Its content is a text, or the copy of another file. */
export type TreeFile = {
  /** The path below the tree's folder. */
  readonly path: string;
  readonly mode: 0o644 | 0o755;
} & ({ readonly text: string | Uint8Array } | { readonly copyOf: string });

/**
 * Writes files and their folders. Each file gets its own mode, independent of the umask, and all
 * files get the same time, so that a package of the tree depends only on the files.
 *
 * @param folders - further folders, which may stay empty
 */
export function writeTree(
  root: string,
  files: readonly TreeFile[],
  time: Date,
  folders: readonly string[] = [],
): void {
  const all = new Set(["."]);
  for (const path of [...files.map((file) => dirname(file.path)), ...folders])
    for (let folder = path; folder !== "."; folder = dirname(folder)) all.add(folder);
  const deepestLast = [...all].sort();
  for (const folder of deepestLast) {
    mkdirSync(join(root, folder), { recursive: true });
    chmodSync(join(root, folder), 0o755);
  }
  for (const file of files) {
    const path = join(root, file.path);
    if ("copyOf" in file) copyFileSync(file.copyOf, path);
    else writeFileSync(path, file.text);
    chmodSync(path, file.mode);
    utimesSync(path, time, time);
  }
  for (const folder of deepestLast.toReversed()) utimesSync(join(root, folder), time, time);
}
