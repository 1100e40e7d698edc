/** Where the system's manager looks for units, the strongest first (systemd.unit(5)). */
export const SYSTEM_UNIT_FOLDERS: readonly string[] = [
  "/run/systemd/transient",
  "/run/systemd/generator.early",
  "/etc/systemd/system",
  "/run/systemd/system",
  "/run/systemd/generator",
  "/usr/local/lib/systemd/system",
  "/usr/lib/systemd/system",
  "/lib/systemd/system",
  "/run/systemd/generator.late",
];

/** The names under which a unit's file may be found: its own, and an instance's template. */
export function unitFileNames(unit: string): string[] {
  const template = unit.replace(/@.*(\.\w+)$/, "@$1");
  return template === unit ? [unit] : [unit, template];
}
