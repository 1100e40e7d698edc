import { homedir } from "node:os";
import { posix } from "node:path";
import type { Endpoint } from "../../address/address.ts";
import { isIn } from "../../systemd/units/directives-for-paths.ts";
import { INSTANCE_PORT } from "../../systemd/units/specifiers.ts";
import { type Addresses, readAddresses } from "../line/read-addresses.ts";
import type { OptionValues } from "../../options/option-table.ts";

/**
 * Reads SOURCE and DESTINATION of units. Unlike on a relay's command line, a port may be `%i`,
 * which stands for the instance of a template. With `--user-unit`, this function writes `%t` in
 * place of this user's runtime folder and `%h` in place of the home folder, so that the units work
 * for any user.
 *
 * @throws {UsageError} if SOURCE or DESTINATION is not an address
 */
export function readUnitAddresses(
  args: readonly string[],
  { userUnit }: Pick<OptionValues, "userUnit">,
): Addresses {
  const [source = "", destination = ""] = args;
  // The parser needs a number, so `%i` is replaced by port 1 here and put back below.
  const read = readAddresses(args.map((word) => word.replace(INSTANCE, "$1:1")));
  const addresses = {
    source: withInstance(source, read.source),
    destination: withInstance(destination, read.destination),
  };
  if (!userUnit) return addresses;
  return {
    source: ofAnyUser(addresses.source),
    destination: ofAnyUser(addresses.destination),
  };
}

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

const INSTANCE = /^((?:tcp:)?(?:\[[^\]]*\]|[^:/@[]*)):%i$/i;

function withInstance<Kind extends Endpoint>(word: string, endpoint: Kind): Kind {
  return INSTANCE.test(word) ? { ...endpoint, port: INSTANCE_PORT } : endpoint;
}

/** Replaces this user's runtime or home folder at the start of a path by `%t` or `%h`. */
export function anyUsersPath(path: string): string {
  const runtime = process.env["XDG_RUNTIME_DIR"] ?? `/run/user/${process.getuid?.() ?? 0}`;
  const folders = [["%t", runtime] as const, ["%h", homedir()] as const];
  for (const [specifier, folder] of folders)
    if (isIn(path, folder)) return posix.join(specifier, posix.relative(folder, path));
  return path;
}
