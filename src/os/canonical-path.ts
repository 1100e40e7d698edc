import { realpathSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";

/**
 * Returns an absolute path for comparisons: two paths with the same result name the same entry of
 * the same folder. The folder is resolved as the kernel does it: if `link` is a link to a folder,
 * `link/..` is the folder above the target, not the folder that contains the link
 * (path_resolution(7)). The last part of the path is not resolved, so the file need not exist.
 *
 * Folders that do not exist, or that this user cannot look at, stay in the result as they were
 * written. A `..` after such a folder stays in the result, too.
 */
export function canonicalPath(path: string): string {
  return below(realFolder(dirname(path)), basename(path));
}

/**
 * Returns an absolute path that leads to the same file as `path`. The result has no `..`, unless
 * the `..` follows a folder that does not exist. If `path` has no `..`, the links of `path` stay in
 * the result. If such a link is changed later, the result leads to the new target, as `path` does.
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
