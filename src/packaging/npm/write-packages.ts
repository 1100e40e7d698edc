/**
 * Builds the executables for all targets and the npm packages: `bun run package:npm`. Writes
 * dist/npm, and prints the tarballs to publish, in the right order.
 */
import { join } from "node:path";
import { type Target, TARGETS } from "../targets.ts";
import { buildNpmPackages } from "./build-packages.ts";

const root = join(import.meta.dir, "../../..");

const executables = new Map<Target, string>();
for (const target of TARGETS) executables.set(target, buildExecutable(target));
const packages = await buildNpmPackages(join(root, "dist/npm"), executables);
for (const { tarball } of packages) process.stdout.write(`${tarball}\n`);

/** Builds an executable in a process of its own, and returns the executable's path. */
function buildExecutable(target: Target): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, "build.ts", target], {
    cwd: root,
  });
  if (exitCode !== 0) throw new Error(stderr.toString().trim());
  return stdout.toString().trim();
}
