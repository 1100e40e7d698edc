import { basename, dirname, join } from "node:path";
import { isTemplate } from "../../systemd/units/specifiers.ts";
import { socketName } from "../../systemd/units/socket-unit.ts";
import type { UnitPlan } from "../../systemd/units/unit-plan.ts";
import type { PlacedFile } from "./place-unit-files.ts";
import { isUnitFolder, unitFolder } from "./install-folder.ts";

/** The files that were written, and the shell commands that install and start the units. */
export function nextSteps(plan: UnitPlan, folder: string, files: readonly PlacedFile[]): string {
  const systemctl = plan.manager === "system" ? "systemctl" : "systemctl --user";
  return [
    ...files.map(({ path, outcome }) =>
      outcome === "unchanged" ? `Unchanged: ${path}` : `Wrote ${path}`,
    ),
    isTemplate(plan.name) ? "Then, for each INSTANCE:" : "Then:",
    ...[
      ...(isUnitFolder(folder, plan.manager) ? [] : installCommands(plan, folder, files)),
      `${systemctl} daemon-reload`,
      ...serviceCommands(plan).map((command) => `${systemctl} ${command}`),
      ...restartCommands(plan, files).map((command) => `${systemctl} ${command}`),
      `${systemctl} enable --now ${startsWith(plan).join(" ")}`,
    ].map((command) => `  ${command}`),
    "",
  ].join("\n");
}

/** The commands that copy the units into the manager's folder, and the drop-ins into subfolders. */
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

/**
 * The systemctl command that makes the drop-ins of the destination's service take effect. With
 * `--on-demand` this service must start with the first client and not at boot, so the command stops
 * and disables the service.
 */
function serviceCommands({ service, onDemand }: UnitPlan): string[] {
  if (service === undefined) return [];
  const name = word(service.replace("@%i.", "@INSTANCE."));
  return [onDemand ? `disable --now ${name}` : `restart ${name}`];
}

/**
 * The command that restarts the relay, or stops it before its restart; none if no unit file was
 * replaced.
 */
function restartCommands(plan: UnitPlan, files: readonly PlacedFile[]): string[] {
  if (!files.some(({ outcome }) => outcome === "replaced")) return [];
  const service = word(instanceOf(plan.name, ".service"));
  if (!plan.socket) return [`try-restart ${service}`];
  const sockets = startsWith(plan).join(" ");
  // With a configuration file there may be a new .socket unit, which systemd refuses to start while
  // the service runs. So stop the service here; the next command (`enable --now`) starts its
  // .socket units again.
  const verb = plan.config === undefined ? "try-restart" : "stop";
  return [`${verb} ${service} ${sockets}`];
}

/** The units to enable: the .socket units, or the service if the relay itself listens. */
function startsWith({ name, relays, socket }: UnitPlan): string[] {
  if (!socket) return [word(instanceOf(name, ".service"))];
  return relays.map((relay) => word(instanceOf(socketName(name, relay), ".socket")));
}

function instanceOf(name: string, suffix: string): string {
  return `${name}${isTemplate(name) ? "INSTANCE" : ""}${suffix}`;
}

/** A word for a shell's command line, quoted if necessary. */
function word(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
