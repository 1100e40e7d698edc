import { describe, test } from "bun:test";
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { join } from "node:path";

/** Something of the machine that tests cannot do without. */
export interface Need {
  /** Shown where it is missing. */
  readonly name: string;
  present(): boolean | Promise<boolean>;
}

const FOLDERS = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** A program of the system, where the system keeps them. */
export function program(name: string): Need {
  return {
    name,
    async present() {
      const found = await Promise.all(FOLDERS.map((folder) => isExecutable(join(folder, name))));
      return found.includes(true);
    },
  };
}

/** To be root: for mounts, namespaces and other users' files. */
export const root: Need = { name: "root", present: () => process.getuid?.() === 0 };

/**
 * A `describe` whose tests need something of the machine. Where one is missing they are skipped by
 * the name of what they miss; under `CI=true` that is a failure, since there nobody reads skips.
 */
export async function describeNeeding(
  title: string,
  needs: readonly Need[],
  body: () => void,
): Promise<void> {
  const present = await Promise.all(needs.map((need) => need.present()));
  const missing = needs.filter((_, index) => !present[index]).map((need) => need.name);
  const name = `${title} (needs ${missing.join(", ")})`;
  if (missing.length === 0) describe(title, body);
  else if (process.env["CI"] === "true")
    test(name, () => {
      throw new Error(`missing on this machine: ${missing.join(", ")}`);
    });
  else test.skip(name, () => {});
}

function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
