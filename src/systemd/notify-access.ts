import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { SYSTEM_UNIT_FOLDERS, unitFileNames } from "./unit-search-path.ts";

/**
 * Whether the system's manager ignores messages of this service that do not come from the service's
 * main process. False if the service's unit files set `NotifyAccess=all` (systemd.service(5)), or
 * if the service has no unit file. Reads the unit files and does not ask the manager, because a
 * sandboxed process cannot always reach the manager's bus.
 */
export function onlyMainMayNotify(): boolean {
  const unit = ownUnit();
  const texts = unit === undefined ? [] : unitTexts(unit, SYSTEM_UNIT_FOLDERS);
  return texts.length > 0 && lastNotifyAccess(texts) !== "all";
}

/**
 * The value of `NotifyAccess=` that systemd uses: the last value in the texts of the unit's files.
 * `texts` has the order in which systemd reads the files. Undefined if no file sets
 * `NotifyAccess=`.
 */
export function lastNotifyAccess(texts: readonly string[]): string | undefined {
  const settings = texts.flatMap((text) => [...text.matchAll(/^[ \t]*NotifyAccess[ \t]*=(.*)$/gm)]);
  return settings.at(-1)?.[1]?.trim();
}

/**
 * The texts of a unit's file and, after it, of the unit's drop-ins; empty if the unit has no file.
 * If several folders have the unit's file, the first folder's file counts.
 */
export function unitTexts(unit: string, folders: readonly string[]): string[] {
  const names = unitFileNames(unit);
  const [own] = names.flatMap((name) =>
    folders.flatMap((folder) => read(join(folder, name)) ?? []),
  );
  if (own === undefined) return [];
  const dropIns = new Map<string, string>();
  // If several folders have drop-ins with the same name, the first folder's drop-in counts. systemd
  // reads drop-ins in the order of their names.
  for (const folder of names.flatMap((name) => folders.map((one) => join(one, `${name}.d`))))
    for (const path of confFiles(folder))
      if (!dropIns.has(basename(path))) dropIns.set(basename(path), path);
  const paths = [...dropIns].toSorted(([one], [other]) => (one < other ? -1 : 1));
  return [own, ...paths.flatMap(([, path]) => read(path) ?? [])];
}

/**
 * The name of the service that this process belongs to, from the path of the process's control
 * group (cgroups(7)); undefined if the process belongs to no service of the system's manager.
 */
function ownUnit(): string | undefined {
  const groups = read("/proc/self/cgroup")?.split("\n") ?? [];
  // Take the line of the only hierarchy (cgroup v2), or of systemd's own hierarchy (cgroup v1). The
  // pattern below does not match the services of a user's manager, because their paths are deeper.
  const own = groups.find((group) => /^\d+:(?:name=systemd)?:/.test(group)) ?? "";
  return /^[^/]*(?:\/[^/]+\.slice)*\/([^/]+\.service)$/.exec(own)?.[1];
}

function confFiles(folder: string): string[] {
  try {
    const names = readdirSync(folder).filter((name) => name.endsWith(".conf"));
    return names.map((name) => join(folder, name));
  } catch {
    // The folder does not exist, so it has no drop-ins.
    return [];
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // The file does not exist, or this process may not read it.
    return undefined;
  }
}
