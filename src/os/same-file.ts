import { statSync } from "node:fs";

/**
 * Whether two paths lead to the same file: as one path, or through symbolic or hard links. False if
 * a path leads to no file, or to a file that this user cannot look at.
 */
export function leadToSameFile(one: string, other: string): boolean {
  try {
    const [first, second] = [statSync(one, { bigint: true }), statSync(other, { bigint: true })];
    return first.ino === second.ino && first.dev === second.dev;
  } catch {
    // There is no file at one of the paths.
    return false;
  }
}
