import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The text of the README. */
export const readme = readFileSync(join(import.meta.dir, "../../README.md"), "utf8");

/** The README's blocks of code in one language, in their order. */
export function codeBlocks(language: string): string[] {
  const fence = new RegExp("^```" + language + "\n(.*?)\n```$", "gms");
  return [...readme.matchAll(fence)].map((match) => match[1] ?? "");
}

/** The block of commands that begins with these words. */
export function blockWith(beginning: string): string {
  const found = codeBlocks("sh").find((block) => block.startsWith(beginning));
  if (found === undefined) throw new Error(`the README has no block that begins with ${beginning}`);
  return found;
}
