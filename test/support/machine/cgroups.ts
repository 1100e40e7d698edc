import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rmdir } from "node:fs/promises";
import { join, relative } from "node:path";

/**
 * Makes a control group of that name below this process's own, in each hierarchy by which systemd
 * keeps services apart: the unified one, the `name=systemd` one, or both, as this machine has them
 * mounted. Gives their folders; `resources` remove them again. cgroups(7)
 */
export async function makeCgroups(
  name: string,
  resources: AsyncDisposableStack,
): Promise<string[]> {
  const folders = (await ownCgroups()).map((folder) => join(folder, name));
  for (const folder of folders) {
    await mkdir(folder);
    resources.adopt(folder, removeCgroup);
  }
  return folders;
}

async function ownCgroups(): Promise<string[]> {
  const [memberships, mounts] = await Promise.all([
    readFile("/proc/self/cgroup", "utf8"),
    readFile("/proc/self/mountinfo", "utf8"),
  ]);
  const paths = new Map(
    memberships
      .trimEnd()
      .split("\n")
      .map((line) => {
        const [, controllers = "", ...path] = line.split(":");
        return [controllers, path.join(":")];
      }),
  );
  return mounts
    .trimEnd()
    .split("\n")
    .flatMap((line) => {
      const [mount = "", source = ""] = line.split(" - ");
      const [, , , root = "", mountPoint = ""] = mount.split(" ");
      const [type, , options = ""] = source.split(" ");
      const named = type === "cgroup" && options.split(",").includes("name=systemd");
      const path =
        type === "cgroup2" ? paths.get("") : named ? paths.get("name=systemd") : undefined;
      return path === undefined ? [] : [join(mountPoint, below(root, path))];
    });
}

// A path outside the mounted part, as a container may see its own, is taken for the mount's root.
function below(root: string, path: string): string {
  const rest = relative(root, path);
  return rest.startsWith("..") ? "." : rest;
}

// Only empty groups can be removed, the innermost first.
async function removeCgroup(folder: string): Promise<void> {
  if (!existsSync(folder)) return;
  for (const entry of await readdir(folder, { withFileTypes: true }))
    if (entry.isDirectory()) await removeCgroup(join(folder, entry.name));
  await rmdir(folder);
}
