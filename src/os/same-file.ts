import { statSync } from "node:fs";

/**
 * Whether two paths lead to the same file, for example through symbolic or hard links. False if a
 * path leads to no file, or to a file that this user cannot look at.
 */
export function leadToSameFile(one: string, other: string): boolean {
  try {
    const [first, second] = [statSync(one, { bigint: true }), statSync(other, { bigint: true })];
    return first.ino === second.ino && first.dev === second.dev;
  } catch {
    // One of the paths leads to no file, or to a file that this user cannot look at.
    return false;
  }
}
