import { lstatSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { SYSTEM_UNIT_FOLDERS, unitFileNames } from "../../systemd/unit-folders.ts";
import type { UnitPlan } from "../../systemd/units/unit-plan.ts";

type Manager = UnitPlan["manager"];

/** The folder for a machine's own units, or a user's own. */
export function unitFolder(manager: Manager): string {
  if (manager === "system") return "/etc/systemd/system";
  return join(process.env["XDG_CONFIG_HOME"] ?? join(homedir(), ".config"), "systemd/user");
}

/** Whether a manager looks for units in that folder. */
export function isUnitFolder(folder: string, manager: Manager): boolean {
  const real = realpathSync(folder);
  const folders = manager === "system" ? SYSTEM_UNIT_FOLDERS : [unitFolder(manager)];
  return folders.some((known) => known === real || realpathOf(known) === real);
}

/** Whether this machine has a service of that name, or the template that it is an instance of. */
export function hasService(service: string): boolean {
  const names = unitFileNames(service);
  return SYSTEM_UNIT_FOLDERS.some((folder) => names.some((name) => isThere(join(folder, name))));
}

function isThere(path: string): boolean {
  // A link is a unit's other name, wherever it leads.
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function realpathOf(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    // A folder of the search path that is not there.
    return undefined;
  }
}
