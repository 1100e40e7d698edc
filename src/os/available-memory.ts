import { readFileSync } from "node:fs";
import { totalmem } from "node:os";
import { join } from "node:path";

// The folders where systemd and container runtimes mount the control groups (cgroups(7)).
const UNIFIED = "/sys/fs/cgroup";
const LEGACY = "/sys/fs/cgroup/memory";

/** Returns the text of a file; undefined if the file does not exist or cannot be read. */
export type ReadText = (path: string) => string | undefined;

/**
 * The number of bytes of memory that this process may use: the memory of the machine, or a lower
 * limit of a control group (version 1 or 2) that contains the process.
 */
export function availableMemory(read: ReadText = readText, machine = totalmem()): number {
  const limits = groupsOf(read("/proc/self/cgroup") ?? "").flatMap((files) =>
    files.map((file) => limitOf(read(file))),
  );
  return Math.min(machine, ...limits);
}

/**
 * The files with the memory limits of this process. For each hierarchy of control groups, these are
 * the files of the process's own group and of all groups above that group. Each line of `list` is
 * `ID:CONTROLLERS:PATH` (cgroups(7), /proc/[pid]/cgroup). Inside a container, PATH may be the path
 * on the host. In this case the container has no folders for the groups of PATH, and only the file
 * of the root group can be read.
 */
function groupsOf(list: string): string[][] {
  return list.split("\n").flatMap((line) => {
    const [, controllers = "", path = ""] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (path === "") return [];
    if (controllers === "")
      return [above(path).flatMap((group) => unifiedFiles(join(UNIFIED, group)))];
    if (!controllers.split(",").includes("memory")) return [];
    return [above(path).map((group) => join(LEGACY, group, "memory.limit_in_bytes"))];
  });
}

/**
 * The files of a group's two limits. At memory.high the kernel slows down the processes of the
 * group, at memory.max the kernel kills one of these processes (Linux
 * Documentation/admin-guide/cgroup-v2).
 */
function unifiedFiles(folder: string): string[] {
  return [join(folder, "memory.max"), join(folder, "memory.high")];
}

/** A path and all paths above it: `/a/b`, `/a`, `/`. */
function above(path: string): string[] {
  const names = path.split("/").filter((name) => name !== "");
  return Array.from(
    { length: names.length + 1 },
    (_, count) => `/${names.slice(0, names.length - count).join("/")}`,
  );
}

/**
 * Reads a limit from the text of a file. The text `max` and a missing file mean no limit. Version 1
 * of control groups expresses "no limit" by a number larger than any memory.
 */
function limitOf(text: string | undefined): number {
  const limit = text?.trim() ?? "";
  return /^\d+$/.test(limit) ? Number(limit) : Infinity;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // The group or the hierarchy does not exist, or a sandbox hides the file. So the file sets no
    // limit.
    return undefined;
  }
}
