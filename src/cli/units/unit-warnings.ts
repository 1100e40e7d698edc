import { statSync } from "node:fs";
import { dirname } from "node:path";
import { absolutePath } from "../../os/canonical-path.ts";
import type { UnitPlan, UnitRelay } from "../../systemd/units/unit-plan.ts";
import { hasService } from "./install-folder.ts";
import { pathForServer } from "./path-for-server.ts";

/** The warnings about the units. Each warning says what will not work, and how to fix it. */
export function unitWarnings(wanted: UnitPlan, file: string | undefined): string[] {
  return [
    ...fileWarnings(wanted, file),
    ...serviceWarnings(wanted),
    ...wanted.relays.flatMap((relay) => groupWarnings(relay, wanted)),
  ];
}

// The bits of a file's mode that let the group, and all others, write to the file (inode(7)). A
// client needs this permission to connect to a Unix socket.
const GROUP_WRITE = 0o020;
const OTHERS_WRITE = 0o002;

/**
 * Warns about a source's socket file whose mode lets the file's group connect, but not all others,
 * although no option sets the file's group or owner. If systemd makes the file, the group is root.
 * If the relay makes the file, the group is the relay's own. Probably no client is in either group.
 */
function groupWarnings(
  { name, source, file: { mode, owner, group } }: UnitRelay,
  { manager, socket, config }: UnitPlan,
): string[] {
  const bits = mode === undefined ? 0 : Number.parseInt(mode, 8);
  const isForGroup = (bits & GROUP_WRITE) !== 0 && (bits & OTHERS_WRITE) === 0;
  if (manager === "user" || source.kind !== "unix" || !isForGroup) return [];
  if (group !== undefined || owner !== undefined) return [];
  const others = socket ? "" : " and the relay's own user";
  const outcome = `lets in nobody but root${others}`;
  return config === undefined
    ? [`--mode=${mode} without --group ${outcome}: add --group=GROUP`]
    : [`relay.${name}: mode ${mode} without group ${outcome}: add group`];
}

/**
 * Warns if the relay cannot read its configuration file. A relay without `--user` runs as a dynamic
 * user, which can read only files that everybody can read.
 */
function fileWarnings(wanted: UnitPlan, file: string | undefined): string[] {
  const { manager, user, supplementaryGroups } = wanted;
  const hasOwnUser = manager === "system" && user === undefined && supplementaryGroups.length === 0;
  const hidden = file === undefined || !hasOwnUser ? undefined : notForAll(absolutePath(file));
  if (hidden === undefined) return [];
  return [
    `the service's user cannot read ${hidden}: let everybody read it, or add ` +
      "--supplementary-groups=GROUP with a group that can",
  ];
}

function serviceWarnings({ name, service, admin, metrics }: UnitPlan): string[] {
  if (service === undefined) return [];
  return [
    ...(hasService(service) ? [] : [`this machine has no ${service}; the units need it`]),
    ...(admin === undefined || admin.kind === "unix"
      ? []
      : [
          `--admin listens in the network namespace of ${service}, where no client can connect: ` +
            `write --admin=${pathForServer("admin", name, "/run")}, with --admin-mode and --admin-group`,
        ]),
    ...(metrics === undefined || metrics.kind === "unix"
      ? []
      : [
          `--metrics listens in the network namespace of ${service}, where no client can connect: ` +
            `write --metrics=${pathForServer("metrics", name, "/run")}`,
        ]),
  ];
}

// The bits of a mode that let everybody read a file, and open files in a folder (inode(7)).
const OTHERS_READ = 0o004;
const OTHERS_SEARCH = 0o001;

/**
 * Returns `file` if its mode does not let everybody read the file. Else returns the nearest folder
 * above `file` whose mode does not let everybody in; `undefined` if everybody can read the file.
 */
function notForAll(file: string): string | undefined {
  if ((statSync(file).mode & OTHERS_READ) === 0) return file;
  for (let folder = dirname(file); folder !== "/"; folder = dirname(folder))
    if ((statSync(folder).mode & OTHERS_SEARCH) === 0) return folder;
  return undefined;
}
