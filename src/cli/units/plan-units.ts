import { isTemplate } from "../../systemd/units/specifiers.ts";
import { defaultName } from "../../systemd/units/unit-name.ts";
import type { FilePermissions, UnitPlan } from "../../systemd/units/unit-plan.ts";
import { serverDescriptors } from "../../process/admin-and-metrics-servers.ts";
import { workerCount } from "../../workers/worker-count.ts";
import { type Addresses, checkDistinct } from "../line/read-addresses.ts";
import { UsageError } from "../line/usage-error.ts";
import type { CommandName } from "../../options/commands.ts";
import {
  flagOf,
  OPTION_ROWS,
  takes,
  type OptionName,
  type OptionValues,
} from "../../options/option-table.ts";
import type { GivenOptions } from "../line/parse-command-line.ts";
import { isAccount } from "../../options/parse-systemd-unit-options.ts";
import {
  checkAddress,
  checkDevice,
  checkInstance,
  checkListening,
  checkName,
  checkOptions,
  checkOwnSource,
  checkReadersOfAdmin,
  checkServers,
  fixedSource,
} from "./check-options-of-units.ts";
import { checkRemovedFolders } from "./check-removed-folders.ts";
import { checkUserUnit } from "./check-user-unit.ts";

// The default of --connect-retry in units, because a service that was just started needs a moment
// until it listens.
const CONNECT_RETRY = "20s";

// The default of --drain-timeout with --service. A restart of the service waits until the relay has
// stopped, so the drain must be short.
export const SHORT_DRAIN = { text: "2s", milliseconds: 2_000 };

/**
 * Plans the units that the command line of `units` asks for.
 *
 * @throws {UsageError} if a unit cannot do what the command line asks for, or cannot do it safely
 */
export function planUnits(
  addresses: Addresses,
  values: OptionValues,
  given: GivenOptions,
  program: string,
): UnitPlan {
  const { destination } = addresses;
  const { service, backlog, connectionsMax } = values;
  const socket = !values.noSocket;
  // Skip this check if SOURCE and DESTINATION are in different network namespaces: systemd listens
  // in the host's namespace, and the relay connects in the namespace of `service`. In this case the
  // same port means two different sockets. But check a Unix DESTINATION, because its path is the
  // same in all network namespaces.
  if (!socket || service === undefined || destination.kind === "unix")
    checkDistinct(addresses, values);
  const source = fixedSource(addresses.source);
  const file = filePermissions(given);
  const name = values.name ?? defaultName(source, service);
  if (values.userUnit) checkUserUnit(source, values);
  checkInstance([source, destination], values, name);
  checkAddress("SOURCE", source, values);
  checkAddress("DESTINATION", destination, values);
  checkDevice("DESTINATION", destination);
  checkServers(values);
  if (socket) checkListening(source);
  else checkOwnSource(source, values, file);
  checkOptions(values, file);
  checkName(name, values);
  const drainsShortly = service !== undefined && given[flagOf("drainTimeout")] === undefined;
  const relay = {
    ...{ source, destination, file },
    freebind: values.freebind,
    seesUsers: SEE_USERS.some((option) => given[flagOf(option)] !== undefined),
    waits: given[flagOf("connectRetry")] === undefined || values.connectRetry > 0,
    ...(backlog !== undefined && { backlog }),
  };
  checkReadersOfAdmin([relay], values);
  const units = {
    ...processPlan(values, accountOption(given, "adminGroup")),
    ...{ name, program, relays: [relay] },
    options: relayOptions(
      given,
      {
        connectRetry: CONNECT_RETRY,
        ...(drainsShortly && { drainTimeout: SHORT_DRAIN.text }),
        ...(service !== undefined && { requirePrivateNetwork: true }),
        ...exitIdleTime(given),
      },
      socket,
    ),
    serverDescriptors: serverDescriptors(values),
    drainTimeout: drainsShortly ? SHORT_DRAIN.milliseconds : values.drainTimeout,
    ...(connectionsMax !== undefined && {
      connectionsMax,
      workers: workerCount(values.workers),
    }),
  };
  checkRemovedFolders(units);
  return units;
}

/**
 * The part of the plan that concerns the whole process. It is used for a configuration file and for
 * the one relay of a command line.
 */
export function processPlan(
  { service, user, admin, metrics, onDemand, ...values }: OptionValues,
  adminGroup: string | undefined,
): Pick<
  UnitPlan,
  | "manager"
  | "socket"
  | "onDemand"
  | "supplementaryGroups"
  | "service"
  | "user"
  | "admin"
  | "metrics"
  | "adminGroup"
> {
  return {
    manager: values.userUnit ? "user" : "system",
    socket: !values.noSocket,
    onDemand: onDemand !== undefined,
    supplementaryGroups: values.supplementaryGroups ?? [],
    ...(service !== undefined && { service }),
    ...(user !== undefined && { user }),
    ...(admin !== undefined && { admin }),
    ...(metrics !== undefined && { metrics }),
    ...(adminGroup !== undefined && { adminGroup }),
  };
}

const SEE_USERS = [
  "allowUsers",
  "allowGroups",
  "connectionsMaxPerClient",
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

/** The permissions of the source's file that the options set. */
export function filePermissions(given: GivenOptions): FilePermissions {
  return Object.fromEntries(
    FILE_OPTIONS.flatMap((name) => {
      const text = accountOption(given, name);
      return text === undefined ? [] : [[name, text]];
    }),
  );
}

/**
 * The text of an option for a unit: a user, a group or a mode; undefined if the option was not
 * given. A name is not replaced by a number, because the machine that runs the unit looks up the
 * name.
 *
 * @throws {UsageError} if a unit cannot contain the name
 */
export function accountOption(given: GivenOptions, name: OptionName): string | undefined {
  const text = given[flagOf(name)];
  if (typeof text !== "string") return undefined;
  if (!isAccount(text))
    throw new UsageError(`--${flagOf(name)}: a unit cannot contain this name; write its number`);
  return text;
}

type Defaults = { readonly [Name in OptionName]?: string | true };

/**
 * The default of `--exit-idle-time`: the TIME of `--on-demand=TIME`; none if `--on-demand` was not
 * given.
 */
export function exitIdleTime(given: GivenOptions): Defaults {
  const time = given[flagOf("onDemand")];
  return time === undefined ? {} : { exitIdleTime: time };
}

/**
 * The options for the relay's command line in the unit, in the order of the option table: the
 * options that were given, and `defaults` for options that were not given. Left out are the options
 * about the source's file, which `UnitRelay.file` has. If `socket` is true, a .socket unit binds
 * the source, and options for binding are left out, too.
 */
export function relayOptions(given: GivenOptions, defaults: Defaults, socket: boolean): string[] {
  return OPTION_ROWS.flatMap(([name, row]) => {
    const value = given[flagOf(name)] ?? defaults[name];
    if (!isRelaysOwn(name, row.commands) || isFileOption(name)) return [];
    // Leave out the name of a template, because all its instances would get the same relay name.
    if (name === "name" && (value === undefined || isTemplate(String(value)))) return [];
    if (value === undefined || (socket && isBindOption(name))) return [];
    return [value === true ? `--${flagOf(name)}` : `--${flagOf(name)}=${value}`];
  });
}

/**
 * Whether an option goes into the relay's command line in the unit: `--name`, and each option of a
 * relay that is not also an option of the command `units` itself.
 */
function isRelaysOwn(name: OptionName, commands: readonly CommandName[]): boolean {
  return name === "name" || (takes("units", name) && !commands.includes("units"));
}

/**
 * Whether an option says how to bind the source. With a .socket unit systemd binds the source, so
 * the option goes into that unit.
 */
function isBindOption(name: OptionName): boolean {
  return name === "freebind";
}

function isFileOption(name: OptionName): boolean {
  return FILE_OPTIONS.some((option) => option === name);
}
