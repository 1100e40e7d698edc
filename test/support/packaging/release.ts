import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Need } from "../machine/parts.ts";
import { program } from "../machine/parts.ts";
import { inherited, RELEASE_MS } from "./tree-copy.ts";
import { runProgram } from "../process/program.ts";

const shared = join(import.meta.dir, "../../../dist/test-release");

/** What `bun run release` needs of the machine. */
export const RELEASE_NEEDS: readonly Need[] = ["git", "tar", "dpkg-deb", "xz", "flock"].map(
  program,
);

/**
 * The folder with what `bun run release` makes of this tree, with changes that are not committed.
 * It is made once for each state of what goes into it, and test files that run in parallel share
 * it.
 */
export async function releaseFolder(): Promise<string> {
  mkdirSync(shared, { recursive: true });
  const maker = [process.execPath, join(import.meta.dir, "make-shared-release.ts"), shared];
  const { code, stderr } = await runProgram(["flock", join(shared, "lock"), ...maker], {
    env: inherited(),
    patience: RELEASE_MS,
  });
  if (code !== 0) throw new Error(`bun run release: ${stderr}`);
  return join(shared, "tree/dist/release");
}
