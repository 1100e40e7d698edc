import { mkdirSync } from "node:fs";

/**
 * Creates a folder with exactly this mode from the start, whatever the umask. A later chmod(2)
 * could change another folder, because the owner of the parent folder can replace the new folder.
 *
 * @throws the system's error, such as EEXIST
 */
export function makeFolderWithMode(path: string, mode: number): void {
  const umask = process.umask(0);
  try {
    mkdirSync(path, mode);
  } finally {
    process.umask(umask);
  }
}
