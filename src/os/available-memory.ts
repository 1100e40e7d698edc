import { readFileSync } from "node:fs";
import { totalmem } from "node:os";
import { join } from "node:path";

// Where systemd and container runtimes mount the control groups (cgroups(7)).
const UNIFIED = "/sys/fs/cgroup";
const LEGACY = "/sys/fs/cgroup/memory";

/** Reads a file; undefined if there is none. */
export type ReadText = (path: string) => string | undefined;

/**
 * Bytes of memory that this process may use: what the machine has, or a lower limit of a control group
 * above the process, version 1 or 2.
 */
export function availableMemory(read: ReadText = readText, machine = totalmem()): number {
  const limits = groupsOf(read("/proc/self/cgroup") ?? "").flatMap((files) =>
    files.map((file) => limitOf(read(file))),
  );
  return Math.min(machine, ...limits);
}

/**
 * The files with the limits that apply, for each hierarchy: those of the process' own group, and of all
 * groups above. Lines are `ID:CONTROLLERS:PATH` (cgroups(7), /proc/[pid]/cgroup). Inside a container, a
 * path may be that of the host; then only the root exists.
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

/** memory.high slows a group down, memory.max kills in it (Linux Documentation/admin-guide/cgroup-v2). */
function unifiedFiles(folder: string): string[] {
  return [join(folder, "memory.max"), join(folder, "memory.high")];
}

/** A path and those above it: `/a/b`, `/a`, `/`. */
function above(path: string): string[] {
  const names = path.split("/").filter((name) => name !== "");
  return Array.from(
    { length: names.length + 1 },
    (_, count) => `/${names.slice(0, names.length - count).join("/")}`,
  );
}

/** A limit; `max` and a missing file are none. Version 1 says "none" by a number beyond any memory. */
function limitOf(text: string | undefined): number {
  const limit = text?.trim() ?? "";
  return /^\d+$/.test(limit) ? Number(limit) : Infinity;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // No such group, no such hierarchy, or hidden by a sandbox: then it says nothing.
    return undefined;
  }
}
