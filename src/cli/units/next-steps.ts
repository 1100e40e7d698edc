import { basename, dirname, join } from "node:path";
import { isTemplate } from "../../systemd/units/specifiers.ts";
import type { UnitPlan } from "../../systemd/units/unit-plan.ts";
import type { PlacedFile } from "./place-unit-files.ts";
import { isUnitFolder, unitFolder } from "./unit-folders.ts";

/** What was written, and the commands that bring it to life, for a shell. */
export function nextSteps(plan: UnitPlan, folder: string, files: readonly PlacedFile[]): string {
  const systemctl = plan.manager === "system" ? "systemctl" : "systemctl --user";
  return [
    ...files.map(({ path, outcome }) =>
      outcome === "unchanged" ? `Is there already: ${path}` : `Wrote ${path}`,
    ),
    isTemplate(plan.name) ? "Then, for each INSTANCE:" : "Then:",
    ...[
      ...(isUnitFolder(folder, plan.manager) ? [] : installCommands(plan, folder, files)),
      `${systemctl} daemon-reload`,
      ...serviceCommands(plan).map((command) => `${systemctl} ${command}`),
      ...restartCommands(plan, files).map((command) => `${systemctl} ${command}`),
      `${systemctl} enable --now ${word(instanceOf(plan.name, plan.socket ? ".socket" : ".service"))}`,
    ].map((command) => `  ${command}`),
    "",
  ].join("\n");
}

/** Copies the units, and each drop-in into its folder. */
function installCommands(
  { manager }: UnitPlan,
  folder: string,
  files: readonly PlacedFile[],
): string[] {
  const target = unitFolder(manager);
  const own = files.filter(({ path }) => dirname(path) === dirname(join(folder, "x")));
  const dropIns = files.filter((file) => !own.includes(file));
  const install = (paths: readonly string[], into: string) =>
    `install -D -m 644 -t ${[into, ...paths].map(word).join(" ")}`;
  return [
    install(
      own.map(({ path }) => path),
      target,
    ),
    ...dropIns.map(({ path }) => install([path], join(target, basename(dirname(path))))),
  ];
}

/** Locks the service in; on demand it starts with the first client and not at boot. */
function serviceCommands({ service, onDemand }: UnitPlan): string[] {
  if (service === undefined) return [];
  const name = word(service.replace("@%i.", "@INSTANCE."));
  return [onDemand ? `disable --now ${name}` : `restart ${name}`];
}

/** What runs by other units than those that are there now. */
function restartCommands({ name, socket }: UnitPlan, files: readonly PlacedFile[]): string[] {
  if (!files.some(({ outcome }) => outcome === "replaced")) return [];
  const units = [".service", ...(socket ? [".socket"] : [])];
  return [`try-restart ${units.map((suffix) => word(instanceOf(name, suffix))).join(" ")}`];
}

function instanceOf(name: string, suffix: string): string {
  return `${name}${isTemplate(name) ? "INSTANCE" : ""}${suffix}`;
}

/** A word of a shell's command line. */
function word(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
