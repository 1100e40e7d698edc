import { homedir } from "node:os";
import { posix } from "node:path";
import type { Endpoint } from "../../address/address.ts";
import type { OptionValues } from "../../options/option-table.ts";
import { isIn } from "../../systemd/units/directives-for-paths.ts";

/**
 * With `--user-unit`, replaces this user's runtime and home folders in the admin and metrics
 * addresses by `%t` and `%h`, so that the units work for any user.
 */
export function ofAnyUsersValues(values: OptionValues): OptionValues {
  if (!values.userUnit) return values;
  const { admin, metrics } = values;
  return {
    ...values,
    ...(admin !== undefined && { admin: ofAnyUser(admin) }),
    ...(metrics !== undefined && { metrics: ofAnyUser(metrics) }),
  };
}

/** Replaces this user's runtime or home folder in an endpoint's path by `%t` or `%h`. */
export function ofAnyUser<Kind extends Endpoint>(endpoint: Kind): Kind {
  return endpoint.kind === "unix" ? { ...endpoint, path: anyUsersPath(endpoint.path) } : endpoint;
}

/** Replaces this user's runtime or home folder at the start of a path by `%t` or `%h`. */
export function anyUsersPath(path: string): string {
  const runtime = process.env["XDG_RUNTIME_DIR"] ?? `/run/user/${process.getuid?.() ?? 0}`;
  const folders = [["%t", runtime] as const, ["%h", homedir()] as const];
  for (const [specifier, folder] of folders)
    if (isIn(path, folder)) return posix.join(specifier, posix.relative(folder, path));
  return path;
}
