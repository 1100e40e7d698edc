import type { SocketEndpoint } from "../../address/address.ts";
import { isIn, isPrivileged } from "../../systemd/units/directives-for-paths.ts";
import type { OptionValues } from "../../options/option-table.ts";
import { UsageError } from "../line/usage-error.ts";

/**
 * Refuses options that a user's manager (`systemctl --user`) cannot carry out. The manager has only
 * the user's own rights.
 *
 * @throws {UsageError}
 */
export function checkUserUnit(source: SocketEndpoint, values: OptionValues): void {
  const refuse = (option: string, reason: string) =>
    new UsageError(`${option} makes no sense with --user-unit: ${reason}`);
  if (values.service !== undefined)
    throw refuse(
      "--service",
      "a user's manager cannot put two services into one network namespace",
    );
  if (values.user !== undefined) throw refuse("--user", "the units run as the user of the manager");
  if (values.owner !== undefined) throw refuse("--owner", "only root can change a file's owner");
  if (values.supplementaryGroups !== undefined)
    throw refuse("--supplementary-groups", "the user's own groups apply");
  // Refuse an option that sets a group: the relay runs in a user namespace with only the user's own
  // group, so it cannot give a file to another group.
  if (values.adminGroup !== undefined)
    throw refuse("--admin-group", "the user's own group applies");
  if (values.group !== undefined && values.noSocket)
    throw refuse("--group", "with --no-socket the user's own group applies");
  for (const [word, endpoint] of [
    ["SOURCE", source],
    ["--admin", values.admin],
    ["--metrics", values.metrics],
  ] as const)
    if (endpoint !== undefined && isPrivileged(endpoint))
      throw refuse(word, "only root can listen on a port below 1024");
  for (const endpoint of [source, values.admin, values.metrics])
    if (endpoint?.kind === "unix" && isRootsRun(endpoint.path))
      throw refuse(endpoint.path, "only root can make files in /run; write %t/NAME/socket");
}

function isRootsRun(path: string): boolean {
  return (isIn(path, "/run") || isIn(path, "/var/run")) && !isIn(path, "/run/user");
}
