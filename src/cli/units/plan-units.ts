import { isIPv4, isIPv6 } from "../../address/ip-text.ts";
import { resolve } from "node:path";
import type { Endpoint, SocketEndpoint } from "../../address/address.ts";
import { groupId, userId } from "../../os/user-ids.ts";
import { folderOf, isIn, runtimeDirectory } from "../../systemd/units/path-rules.ts";
import { addressText, INSTANCE_PORT, isTemplate } from "../../systemd/units/specifiers.ts";
import { defaultName } from "../../systemd/units/unit-name.ts";
import { endsAsWritten, hasControls } from "../../systemd/units/unit-escaping.ts";
import type { FilePermissions, UnitPlan } from "../../systemd/units/unit-plan.ts";
import { workerCount } from "../../workers/worker-count.ts";
import { type Addresses, checkDistinct } from "../line/read-addresses.ts";
import { UsageError } from "../line/usage-error.ts";
import {
  flagOf,
  OPTION_ROWS,
  takes,
  type OptionName,
  type OptionValues,
} from "../../options/option-table.ts";
import type { GivenOptions } from "../line/read-command-line.ts";
import { isAccount } from "../../options/parse-unit-options.ts";
import { checkUserUnit } from "./check-user-unit.ts";

// A service that has just been started needs a moment until it listens.
const CONNECT_RETRY = "20s";

// A restart of the service waits until the relay has stopped.
const DRAIN_TIMEOUT = { text: "2s", milliseconds: 2_000 };

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
  const { service, user, admin, metrics, backlog, connectionsMax } = values;
  const socket = !values.noSocket;
  // systemd listens in the host's network, where a port is not that of the service's network.
  if (!socket || service === undefined || destination.kind === "unix")
    checkDistinct(addresses, values);
  const source = fixedSource(addresses.source);
  const file = filePermissions(given);
  const name = values.name ?? defaultName(source, service);
  if (values.userUnit) checkUserUnit(source, values);
  checkInstance([source, destination], service, name);
  checkAddress("SOURCE", source, values);
  checkAddress("DESTINATION", destination, values);
  for (const [option, endpoint] of [
    ["--admin", admin],
    ["--metrics", metrics],
  ] as const) {
    if (endpoint === undefined) continue;
    checkAddress(option, endpoint, values);
    checkFolder(option, endpoint);
  }
  if (socket) checkListening(source, admin);
  else checkOwnSource(source, values, file);
  checkOptions(values, file);
  checkName(name, values);
  const drainsShortly = service !== undefined && given[flagOf("drainTimeout")] === undefined;
  const adminGroup = accountOption(given, "adminGroup");
  return {
    ...{ name, program, source, destination, socket, file },
    manager: values.userUnit ? "user" : "system",
    freebind: values.freebind,
    options: relayOptions(
      given,
      {
        connectRetry: CONNECT_RETRY,
        ...(drainsShortly && { drainTimeout: DRAIN_TIMEOUT.text }),
        ...(service !== undefined && { requirePrivateNetwork: true }),
        ...exitIdleTime(given),
      },
      socket,
    ),
    onDemand: values.onDemand !== undefined,
    seesUsers: SEE_USERS.some((option) => given[flagOf(option)] !== undefined),
    supplementaryGroups: values.supplementaryGroups ?? [],
    drainTimeout: drainsShortly ? DRAIN_TIMEOUT.milliseconds : values.drainTimeout,
    ...(service !== undefined && { service }),
    ...(user !== undefined && { user }),
    ...(admin !== undefined && { admin }),
    ...(metrics !== undefined && { metrics }),
    ...(adminGroup !== undefined && { adminGroup }),
    ...(backlog !== undefined && { backlog }),
    ...(connectionsMax !== undefined && {
      connectionsMax,
      workers: workerCount(values.workers),
    }),
  };
}

function fixedSource(source: Endpoint): SocketEndpoint {
  if (source.kind === "systemd" || source.kind === "fd")
    throw new UsageError("SOURCE must be an address: systemd listens there, or the relay itself");
  if (source.kind === "tcp" && source.port === 0)
    throw new UsageError("SOURCE needs a port: nobody would know the one that the system chose");
  return source;
}

/** `%i` means something only in a template, and a template without it has one and the same source. */
function checkInstance(
  endpoints: readonly [source: SocketEndpoint, destination: SocketEndpoint],
  service: string | undefined,
  name: string,
): void {
  const [source] = endpoints;
  if (isTemplate(name)) {
    if (/%i/i.test(addressText(source))) return;
    throw new UsageError("SOURCE needs %i, the instance: each one listens somewhere else");
  }
  const hasPort = endpoints.some((one) => one.kind === "tcp" && one.port === INSTANCE_PORT);
  if (hasPort || service?.includes("@%i.") === true)
    throw new UsageError("%i is the instance of a template: --name=NAME@");
}

function checkAddress(
  word: string,
  address: SocketEndpoint,
  { userUnit }: Pick<OptionValues, "userUnit">,
): void {
  if (address.kind === "tcp") return;
  const text = address.kind === "unix" ? address.path : address.name;
  if (hasControls(text))
    throw new UsageError(`${word} has a control character; no unit carries it`);
  if (address.kind !== "unix" || text.startsWith("/")) return;
  if (userUnit && /^%[th]\//.test(text)) return;
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
        "SOURCE: systemd listens on no name: write 127.0.0.1:PORT or [::1]:PORT, or add --no-socket",
      );
  } else if (!endsAsWritten(source.kind === "unix" ? source.path : source.name))
    throw new UsageError(
      "SOURCE ends in a space or a backslash, which no .socket unit carries: add --no-socket",
    );
}

/** Whether a relay that is not root can listen there. */
function checkOwnSource(source: SocketEndpoint, values: OptionValues, file: FilePermissions): void {
  if (source.kind !== "unix") return;
  checkFolder("SOURCE", source);
  if (file.directoryMode !== undefined && runtimeDirectory(source.path) === undefined)
    throw new UsageError(
      "--directory-mode: the unit may make no folder, and systemd only one below /run; " +
        "make it first, or leave out --no-socket",
    );
  if (file.owner !== undefined && values.owner !== idOf(values.user))
    throw new UsageError(
      "--owner: only root gives a file away, and the relay is not root; " +
        `leave out --no-socket, for systemd to make it, or add --user=${file.owner}`,
    );
}

function checkFolder(word: string, address: SocketEndpoint): void {
  if (address.kind !== "unix") return;
  const folder = folderOf(address.path);
  if (!["/", "/run", "/var/run"].includes(folder)) return;
  const orSocket = word === "SOURCE" ? ", or leave out --no-socket" : "";
  throw new UsageError(
    `${word}: only root makes files in ${folder}; write /run/NAME/socket${orSocket}`,
  );
}

/** Options that make no sense with one another. */
function checkOptions(values: OptionValues, file: FilePermissions): void {
  const { service, onDemand, exitIdleTime, noSocket, adminGroup, group } = values;
  if (values.force && values.output === undefined)
    throw new UsageError("--force makes sense only with --output");
  const leaves = onDemand === undefined ? "--exit-idle-time" : "--on-demand";
  if (noSocket && (onDemand ?? exitIdleTime) !== undefined)
    throw new UsageError(`${leaves} goes without --no-socket: nothing else starts the relay again`);
  if (exitIdleTime !== undefined && exitIdleTime < IDLE_LEAST)
    throw new UsageError("--exit-idle-time: less than 1s is a failing relay to a .socket unit");
  if (onDemand !== undefined && exitIdleTime !== undefined)
    throw new UsageError("--on-demand is the --exit-idle-time of relay and service: leave one out");
  if (onDemand !== undefined && service === undefined)
    throw new UsageError(
      "--on-demand needs --service, which it stops; for the relay alone: --exit-idle-time",
    );
  if (noSocket && file.group !== undefined && adminGroup !== undefined && adminGroup !== group)
    throw new UsageError("--admin-group: a relay that makes both files needs it to be --group");
}

// By then a .socket unit does not take a relay that leaves for one that fails.
const IDLE_LEAST = 1_000;

function checkName(name: string, { service, user, userUnit }: OptionValues): void {
  if (service === `${name}.service`)
    throw new UsageError(`--name: ${service} is the service itself; the relay needs another name`);
  // Of an instance, systemd names the user it makes up after the template.
  const account = name.replace(/@$/, "");
  if (!userUnit && user === undefined && (userId(account) ?? groupId(account)) !== undefined)
    throw new UsageError(
      `--name: ${account} is a user or group of this system, whose rights the relay would get; ` +
        "choose another name or say --user",
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
      const text = accountOption(given, name);
      return text === undefined ? [] : [[name, text]];
    }),
  );
}

/** An option's text as it goes into a unit: a name as it was given, for the machine that runs it. */
function accountOption(given: GivenOptions, name: OptionName): string | undefined {
  const text = given[flagOf(name)];
  if (typeof text !== "string") return undefined;
  if (!isAccount(text))
    throw new UsageError(`--${flagOf(name)}: no unit carries that name; write its number`);
  return text;
}

type Defaults = { readonly [Name in OptionName]?: string | true };

/** The idle time that `--on-demand` means for the relay. */
function exitIdleTime(given: GivenOptions): Defaults {
  const time = given[flagOf("onDemand")];
  return time === undefined ? {} : { exitIdleTime: time };
}

/**
 * The options of the relay that were given, and those that a unit's relay has where they were not, in
 * the table's order, as on its command line.
 */
function relayOptions(given: GivenOptions, defaults: Defaults, socket: boolean): string[] {
  return OPTION_ROWS.flatMap(([name, row]) => {
    const value = given[flagOf(name)] ?? defaults[name];
    if (row.commands.includes("units") || !takes("units", name) || isFileOption(name)) return [];
    if (value === undefined || (socket && isBindOption(name))) return [];
    return [value === true ? `--${flagOf(name)}` : `--${flagOf(name)}=${value}`];
  });
}

/** Whether an option says how to bind the source, which is the .socket unit's where there is one. */
function isBindOption(name: OptionName): boolean {
  return name === "freebind";
}

function isFileOption(name: OptionName): boolean {
  return FILE_OPTIONS.some((option) => option === name);
}
