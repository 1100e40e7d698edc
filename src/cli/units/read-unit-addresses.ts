import { homedir } from "node:os";
import { posix } from "node:path";
import type { Endpoint } from "../../address/address.ts";
import { isIn } from "../../systemd/units/path-rules.ts";
import { INSTANCE_PORT } from "../../systemd/units/specifiers.ts";
import { type Addresses, readAddresses } from "../line/read-addresses.ts";
import type { OptionValues } from "../../options/option-table.ts";

/**
 * Reads SOURCE and DESTINATION of units. Unlike a relay's, their port may be `%i`, the instance of
 * a template. With `--user-unit`, `%t` and `%h` replace this user's own folders, so that the units
 * work for any user.
 *
 * @throws {UsageError} if SOURCE or DESTINATION is not an address
 */
export function readUnitAddresses(
  words: readonly string[],
  { userUnit }: Pick<OptionValues, "userUnit">,
): Addresses {
  const [source = "", destination = ""] = words;
  // The parser needs a number: parse with port 1, and put `%i` back below.
  const read = readAddresses(words.map((word) => word.replace(INSTANCE, "$1:1")));
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
 * Replaces this user's own folders in the options by `%t` and `%h`, so that they work for any user.
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

/** Replaces this user's own folders in the endpoint by `%t` and `%h`. */
export function ofAnyUser<Kind extends Endpoint>(endpoint: Kind): Kind {
  return endpoint.kind === "unix" ? { ...endpoint, path: anyUsersPath(endpoint.path) } : endpoint;
}

const INSTANCE = /^((?:tcp:)?(?:\[[^\]]*\]|[^:/@[]*)):%i$/i;

function withInstance<Kind extends Endpoint>(word: string, endpoint: Kind): Kind {
  return INSTANCE.test(word) ? { ...endpoint, port: INSTANCE_PORT } : endpoint;
}

/** Replaces this user's own folder at the start of a path by `%t` or `%h`. */
export function anyUsersPath(path: string): string {
  const runtime = process.env["XDG_RUNTIME_DIR"] ?? `/run/user/${process.getuid?.() ?? 0}`;
  const folders = [["%t", runtime] as const, ["%h", homedir()] as const];
  for (const [specifier, folder] of folders)
    if (isIn(path, folder)) return posix.join(specifier, posix.relative(folder, path));
  return path;
}
