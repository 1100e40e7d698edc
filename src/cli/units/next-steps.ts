import { realpathSync } from "node:fs";
import type { UnitPlan } from "../../systemd/units/unit-plan.ts";
import type { PlacedFile } from "./place-unit-files.ts";

const UNIT_FOLDER = "/etc/systemd/system";

// systemd.unit(5), "System Unit Search Path"
const UNIT_FOLDERS = [
  UNIT_FOLDER,
  "/run/systemd/system",
  "/usr/local/lib/systemd/system",
  "/usr/lib/systemd/system",
  "/lib/systemd/system",
];

/** What was written, and the commands that bring it to life, for a shell. */
export function nextSteps(
  { name, service, socket }: UnitPlan,
  folder: string,
  files: readonly PlacedFile[],
): string {
  const units = [`${name}.service`, ...(socket ? [`${name}.socket`] : [])].map(word);
  const paths = files.map(({ path }) => word(path));
  const replaced = files.some((file) => file.replaced);
  return [
    ...files.map(({ path }) => `Wrote ${path}`),
    ...(service === undefined ? [] : privateNetwork(word(service))),
    "Then:",
    ...(isUnitFolder(folder) ? [] : [`  cp ${paths.join(" ")} ${UNIT_FOLDER}/`]),
    "  systemctl daemon-reload",
    `  systemctl enable --now ${socket ? units.at(-1) : units[0]}`,
    ...(replaced ? [`  systemctl try-restart ${units.join(" ")}`] : []),
    "",
  ].join("\n");
}

function privateNetwork(service: string): string[] {
  const folder = `${UNIT_FOLDER}/${service}.d`;
  return [
    `Unless ${service} has PrivateNetwork=yes already:`,
    `  mkdir -p ${folder}`,
    `  printf '[Service]\\nPrivateNetwork=yes\\n' >${folder}/private-network.conf`,
    "  systemctl daemon-reload",
    `  systemctl restart ${service}`,
  ];
}

function isUnitFolder(folder: string): boolean {
  return UNIT_FOLDERS.includes(realpathSync(folder));
}

/** A word of a shell's command line. */
function word(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
