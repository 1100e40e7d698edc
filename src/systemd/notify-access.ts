import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { SYSTEM_UNIT_FOLDERS, unitFileNames } from "./unit-folders.ts";

/**
 * Whether the system's manager hears of this process's service only from its main process, as
 * `NotifyAccess=` of systemd.service(5) says, from the service's files: a process that is locked in
 * may not reach the manager's bus. False where there is no such file.
 */
export function onlyMainMayNotify(): boolean {
  const unit = ownUnit();
  const texts = unit === undefined ? [] : unitTexts(unit, SYSTEM_UNIT_FOLDERS);
  return texts.length > 0 && lastNotifyAccess(texts) !== "all";
}

/** The value of the last `NotifyAccess=` of a unit's files, in the order in which systemd reads them. */
export function lastNotifyAccess(texts: readonly string[]): string | undefined {
  const settings = texts.flatMap((text) => [...text.matchAll(/^[ \t]*NotifyAccess[ \t]*=(.*)$/gm)]);
  return settings.at(-1)?.[1]?.trim();
}

/** The texts of a unit's file and of its drop-ins after it; none where it has no file. */
export function unitTexts(unit: string, folders: readonly string[]): string[] {
  const names = unitFileNames(unit);
  const [own] = names.flatMap((name) =>
    folders.flatMap((folder) => read(join(folder, name)) ?? []),
  );
  if (own === undefined) return [];
  const dropIns = new Map<string, string>();
  // The first folder wins where two have a drop-in of one name; all are read by their names' order.
  for (const folder of names.flatMap((name) => folders.map((one) => join(one, `${name}.d`))))
    for (const path of confFiles(folder))
      if (!dropIns.has(basename(path))) dropIns.set(basename(path), path);
  const paths = [...dropIns].toSorted(([one], [other]) => (one < other ? -1 : 1));
  return [own, ...paths.flatMap(([, path]) => read(path) ?? [])];
}

/** The name of the service that this process is in, by its control group (cgroups(7)). */
function ownUnit(): string | undefined {
  const groups = read("/proc/self/cgroup")?.split("\n") ?? [];
  // The one hierarchy, or systemd's own among several. The services of a user's manager are below it.
  const own = groups.find((group) => /^\d+:(?:name=systemd)?:/.test(group)) ?? "";
  return /^[^/]*(?:\/[^/]+\.slice)*\/([^/]+\.service)$/.exec(own)?.[1];
}

function confFiles(folder: string): string[] {
  try {
    const names = readdirSync(folder).filter((name) => name.endsWith(".conf"));
    return names.map((name) => join(folder, name));
  } catch {
    // There are no drop-ins there.
    return [];
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // Not there, or not for this process.
    return undefined;
  }
}
