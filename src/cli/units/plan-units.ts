import { isIPv4, isIPv6 } from "../../address/ip-text.ts";
import { resolve } from "node:path";
import type { Endpoint, SocketEndpoint } from "../../address/address.ts";
import { groupId, userId } from "../../os/user-ids.ts";
import { folderOf, isIn, runtimeDirectory } from "../../systemd/units/path-rules.ts";
import { defaultName } from "../../systemd/units/unit-name.ts";
import { endsAsWritten, hasControls } from "../../systemd/units/unit-escaping.ts";
import type { FilePermissions, UnitPlan } from "../../systemd/units/unit-plan.ts";
import type { GivenOptions } from "../line/read-command-line.ts";
import { type Addresses, checkDistinct } from "../line/read-addresses.ts";
import { UsageError } from "../line/usage-error.ts";
import {
  flagOf,
  OPTION_ROWS,
  takes,
  type OptionName,
  type OptionValues,
} from "../../options/option-table.ts";
import { workerCount } from "../../workers/worker-count.ts";
import { isAccount } from "../../options/parse-unit-options.ts";

/**
 * What the command line of `units` wants.
 *
 * @throws {UsageError} where no unit could do that, or none without harm
 */
export function planUnits(
  addresses: Addresses,
  values: OptionValues,
  given: GivenOptions,
  program: string,
): UnitPlan {
  const { destination } = addresses;
  const { service, socket, user, admin, backlog, connectionsMax, drainTimeout } = values;
  // systemd listens in the host's network, where a port is not that of the service's network.
  if (!socket || service === undefined || destination.kind === "unix")
    checkDistinct(addresses, admin);
  const source = fixedSource(addresses.source);
  const file = filePermissions(given);
  checkAddress("SOURCE", source);
  checkAddress("DESTINATION", destination);
  if (admin !== undefined) {
    checkAddress("--admin", admin);
    checkFolder("--admin", admin);
  }
  if (socket) checkListening(source, admin);
  else checkOwnSource(source, values, file);
  if (values.force && values.output === undefined)
    throw new UsageError("--force makes sense only with --output");
  if (!socket && values.exitIdleTime !== undefined)
    throw new UsageError("--exit-idle-time needs --socket: nothing else starts the relay again");
  const name = values.name ?? defaultName(source, service);
  if (service === `${name}.service`)
    throw new UsageError(`--name: ${service} is the service itself; the relay needs another name`);
  if (user === undefined && (userId(name) ?? groupId(name)) !== undefined)
    throw new UsageError(
      `--name: ${name} is a user or group of this system, whose rights the relay would get; ` +
        "choose another name or say --user",
    );
  return {
    ...{ name, program, source, destination, socket, drainTimeout, file },
    options: relayOptions(given),
    seesUsers: SEE_USERS.some((option) => given[flagOf(option)] !== undefined),
    ...(service !== undefined && { service }),
    ...(user !== undefined && { user }),
    ...(admin !== undefined && { admin }),
    ...(backlog !== undefined && { backlog }),
    ...(connectionsMax !== undefined && {
      connectionsMax,
      workers: workerCount(values.workers),
    }),
  };
}

function fixedSource(source: Endpoint): SocketEndpoint {
  if (source.kind === "systemd" || source.kind === "fd")
    throw new UsageError(
      "SOURCE must be an address: with --socket systemd listens there and passes the descriptor",
    );
  if (source.kind === "tcp" && source.port === 0)
    throw new UsageError("SOURCE needs a port: nobody would know the one that the system chose");
  return source;
}

function checkAddress(word: string, address: SocketEndpoint): void {
  if (address.kind === "tcp") return;
  const text = address.kind === "unix" ? address.path : address.name;
  if (hasControls(text))
    throw new UsageError(`${word} has a control character; no unit carries it`);
  if (address.kind === "unix" && !text.startsWith("/"))
    throw new UsageError(`${word} is relative, and a unit has no folder: write ${resolve(text)}`);
}

/** Whether systemd can listen there, while the relay comes and goes. */
function checkListening(source: SocketEndpoint, admin: SocketEndpoint | undefined): void {
  if (source.kind === "unix" && admin?.kind === "unix") {
    const folder = runtimeDirectory(admin.path);
    if (folder !== undefined && isIn(folderOf(source.path), folderOf(admin.path)))
      throw new UsageError("--admin: its folder goes with the relay, and SOURCE is in it");
  }
  if (source.kind === "tcp") {
    if (source.host !== "" && !isIPv4(source.host) && !isIPv6(source.host))
      throw new UsageError(
        "--socket: systemd listens on no name: write SOURCE as 127.0.0.1:PORT or [::1]:PORT",
      );
  } else if (!endsAsWritten(source.kind === "unix" ? source.path : source.name))
    throw new UsageError("--socket: no unit carries a SOURCE that ends in a space or a backslash");
}

/** Whether a relay that is not root can listen there. */
function checkOwnSource(source: SocketEndpoint, values: OptionValues, file: FilePermissions): void {
  if (source.kind !== "unix") return;
  checkFolder("SOURCE", source);
  if (file.directoryMode !== undefined && runtimeDirectory(source.path) === undefined)
    throw new UsageError(
      "--directory-mode: the unit may make no folder, and systemd only one below /run; " +
        "make it first, or add --socket",
    );
  if (file.owner !== undefined && values.owner !== idOf(values.user))
    throw new UsageError(
      "--owner: only root gives a file away, and the relay is not root; " +
        `add --socket, for systemd to make it, or --user=${file.owner}`,
    );
}

function checkFolder(word: string, address: SocketEndpoint): void {
  if (address.kind !== "unix") return;
  const folder = folderOf(address.path);
  if (!["/", "/run", "/var/run"].includes(folder)) return;
  const orSocket = word === "SOURCE" ? ", or add --socket" : "";
  throw new UsageError(
    `${word}: only root makes files in ${folder}; write /run/NAME/socket${orSocket}`,
  );
}

function idOf(user: string | undefined): number | undefined {
  if (user === undefined) return undefined;
  return /^\d+$/.test(user) ? Number(user) : userId(user);
}

const SEE_USERS = [
  "allowUsers",
  "allowGroups",
  "proxyProtocol",
  "accessLog",
  "admin",
] as const satisfies readonly OptionName[];

const FILE_OPTIONS = [
  "mode",
  "owner",
  "group",
  "directoryMode",
] as const satisfies readonly OptionName[];

function filePermissions(given: GivenOptions): FilePermissions {
  return Object.fromEntries(
    FILE_OPTIONS.flatMap((name) => {
      const text = given[flagOf(name)];
      if (typeof text !== "string") return [];
      if (!isAccount(text))
        throw new UsageError(`--${flagOf(name)}: no unit carries that name; write its number`);
      return [[name, text]];
    }),
  );
}

/** The options of the relay that were given, in the table's order, as on its command line. */
function relayOptions(given: GivenOptions): string[] {
  return OPTION_ROWS.flatMap(([name, row]) => {
    const value = given[flagOf(name)];
    if (row.commands.includes("units") || !takes("units", name) || isFileOption(name)) return [];
    if (value === undefined) return [];
    return [value === true ? `--${flagOf(name)}` : `--${flagOf(name)}=${value}`];
  });
}

function isFileOption(name: OptionName): boolean {
  return FILE_OPTIONS.some((option) => option === name);
}
