/**
 * The folders where the system's manager looks for units, in order of precedence (systemd.unit(5)).
 * Left out are the folders `system.control` (written through D-Bus) and `system.attached` (portable
 * services).
 */
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

/**
 * The names that a unit's file may have: the unit's name and, for an instance, the template's name.
 */
export function unitFileNames(unit: string): string[] {
  const template = unit.replace(/@.*(\.\w+)$/, "@$1");
  return template === unit ? [unit] : [unit, template];
}
