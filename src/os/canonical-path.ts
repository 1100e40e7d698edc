import { realpathSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";

/**
 * Returns an absolute path for comparisons: two paths with the same result name the same entry of
 * the same folder. The folder is resolved as the kernel does it: `link/..` is the folder above the
 * one where the link leads (path_resolution(7)), and not the folder of the link. The last part of
 * the path stays as it is, so there need not be a file.
 *
 * Folders that do not exist, or that this user cannot look at, stay in the result as they were
 * written, also `..` after them.
 */
export function canonicalPath(path: string): string {
  return below(realFolder(dirname(path)), basename(path));
}

/**
 * Returns an absolute path that leads to the same file as `path`. It has no `..`, unless a folder
 * before it does not exist. Links stay in the result if the path has no `..`, so the result leads
 * to another file when a link is changed, as `path` does.
 */
export function absolutePath(path: string): string {
  return path.split("/").includes("..") ? canonicalPath(path) : resolve(path);
}

function realFolder(folder: string): string {
  try {
    // Without `native` Bun removes each `..` together with the name before it (Bun 1.4.5).
    return realpathSync.native(folder);
  } catch {
    // The folder does not exist, or this user cannot look at it. The folder above may be readable.
    const above = dirname(folder);
    return above === folder ? folder : below(realFolder(above), basename(folder));
  }
}

function below(folder: string, name: string): string {
  if (name === ".") return folder;
  return folder.endsWith("/") ? folder + name : `${folder}/${name}`;
}
