import { lstatSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { SYSTEM_UNIT_FOLDERS, unitFileNames } from "../../systemd/unit-search-path.ts";
import type { UnitPlan } from "../../systemd/units/unit-plan.ts";

type Manager = UnitPlan["manager"];

/** The folder where the administrator, or a user, puts unit files. */
export function unitFolder(manager: Manager): string {
  if (manager === "system") return "/etc/systemd/system";
  return join(process.env["XDG_CONFIG_HOME"] ?? join(homedir(), ".config"), "systemd/user");
}

/** Whether a manager looks for units in the given folder. */
export function isUnitFolder(folder: string, manager: Manager): boolean {
  const real = realpathSync.native(folder);
  const folders = manager === "system" ? SYSTEM_UNIT_FOLDERS : [unitFolder(manager)];
  return folders.some((known) => known === real || realpathOf(known) === real);
}

/** Whether this machine has a unit file for the service, or for the template of the service. */
export function hasService(service: string): boolean {
  const names = unitFileNames(service);
  return SYSTEM_UNIT_FOLDERS.some((folder) => names.some((name) => isThere(join(folder, name))));
}

function isThere(path: string): boolean {
  // A symbolic link counts even if its target is missing. systemd takes such a link as an alias,
  // and looks for a unit with the target's name in all unit folders.
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function realpathOf(path: string): string | undefined {
  try {
    return realpathSync.native(path);
  } catch {
    // This folder of the search path does not exist.
    return undefined;
  }
}
