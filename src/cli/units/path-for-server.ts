import { isTemplate } from "../../systemd/units/specifiers.ts";

/**
 * A path that messages suggest for the admin or metrics address of the units `name`. No other
 * service uses the path's folder; in a template, each instance has its own folder.
 *
 * @param runtime - the manager's folder for sockets: `/run`, or `%t` with a user's manager
 */
export function pathForServer(
  server: "admin" | "metrics",
  name: string,
  runtime: "/run" | "%t",
): string {
  const owner = isTemplate(name) ? `${name.slice(0, -1)}-%i` : name;
  return `${runtime}/${owner}-${server}/socket`;
}
