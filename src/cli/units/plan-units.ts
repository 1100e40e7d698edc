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
  type CommandName,
  type OptionName,
  type OptionValues,
} from "../../options/option-table.ts";
import type { GivenOptions } from "../line/read-command-line.ts";
import { isAccount } from "../../options/parse-unit-options.ts";
import { checkUserUnit } from "./check-user-unit.ts";

// A service that has just been started needs a moment until it listens.
const CONNECT_RETRY = "20s";

// A restart of the service waits until the relay has stopped, so the drain must be short.
const DRAIN_TIMEOUT = { text: "2s", milliseconds: 2_000 };

/**
 * Plans the units that the command line of `units` asks for.
 *
 * @throws {UsageError} if no unit can do that, or not safely
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
  // systemd listens in the host's network namespace. The same port in the service's network
  // namespace is a different address.
  if (!socket || service === undefined || destination.kind === "unix")
    checkDistinct(addresses, values);
  const source = fixedSource(addresses.source);
  const file = filePermissions(given);
  const name = values.name ?? defaultName(source, service);
  if (values.userUnit) checkUserUnit(source, values);
  checkInstance([source, destination], service, name);
  checkAddress("SOURCE", source, values);
  checkAddress("DESTINATION", destination, values);
  checkServers(values);
  if (socket) checkListening(source, values.admin);
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
  return {
    ...processPlan(values, accountOption(given, "adminGroup")),
    ...{ name, program, relays: [relay] },
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
    drainTimeout: drainsShortly ? DRAIN_TIMEOUT.milliseconds : values.drainTimeout,
    ...(connectionsMax !== undefined && {
      connectionsMax,
      workers: workerCount(values.workers),
    }),
  };
}

/**
 * The part of the plan that concerns the whole process. It is the same for relays of a file and for
 * the relay of a command line.
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

/** Refuses an admin or metrics address that a relay without root's rights cannot listen on. */
export function checkServers(values: OptionValues): void {
  for (const [option, endpoint] of [
    ["--admin", values.admin],
    ["--metrics", values.metrics],
  ] as const) {
    if (endpoint === undefined) continue;
    checkAddress(option, endpoint, values);
    checkFolder(option, endpoint);
  }
}

export function fixedSource(source: Endpoint): SocketEndpoint {
  if (source.kind === "systemd" || source.kind === "fd")
    throw new UsageError("SOURCE must be an address on which systemd or the relay can listen");
  if (source.kind === "tcp" && source.port === 0)
    throw new UsageError(
      "SOURCE needs a port: port 0 would be a different, unknown port each time",
    );
  return source;
}

/**
 * Refuses `%i` outside a template, and a template whose source has no `%i`: all its instances would
 * have the same source.
 */
function checkInstance(
  endpoints: readonly [source: SocketEndpoint, destination: SocketEndpoint],
  service: string | undefined,
  name: string,
): void {
  const [source] = endpoints;
  if (isTemplate(name)) {
    if (/%i/i.test(addressText(source))) return;
    throw new UsageError("SOURCE needs %i, the instance: each instance listens on its own address");
  }
  const hasPort = endpoints.some((one) => one.kind === "tcp" && one.port === INSTANCE_PORT);
  if (hasPort || service?.includes("@%i.") === true)
    throw new UsageError("%i works only in a template: add --name=NAME@");
}

export function checkAddress(
  word: string,
  address: SocketEndpoint,
  { userUnit }: Pick<OptionValues, "userUnit">,
): void {
  if (address.kind === "tcp") return;
  const text = address.kind === "unix" ? address.path : address.name;
  if (hasControls(text))
    throw new UsageError(`${word} has a control character; a unit cannot contain it`);
  if (address.kind !== "unix" || text.startsWith("/")) return;
  if (userUnit && /^%[th]\//.test(text)) return;
  throw new UsageError(
    `${word} is relative, and a unit has no working folder: write ${resolve(text)}`,
  );
}

/** Refuses a source that systemd cannot listen on, or cannot keep while the relay is stopped. */
export function checkListening(source: SocketEndpoint, admin: SocketEndpoint | undefined): void {
  if (source.kind === "unix" && admin?.kind === "unix") {
    const folder = runtimeDirectory(admin.path);
    if (folder !== undefined && isIn(folderOf(source.path), folderOf(admin.path)))
      throw new UsageError(
        "--admin: systemd removes its folder when the relay stops, but SOURCE is in it; use another folder",
      );
  }
  if (source.kind === "tcp") {
    if (source.host !== "" && !isIPv4(source.host) && !isIPv6(source.host))
      throw new UsageError(
        "SOURCE: systemd cannot listen on a host name: write 127.0.0.1:PORT or [::1]:PORT, or add --no-socket",
      );
  } else if (!endsAsWritten(source.kind === "unix" ? source.path : source.name))
    throw new UsageError(
      "SOURCE ends in a space or a backslash; a .socket unit cannot contain it: add --no-socket",
    );
}

/** Refuses a source that a relay without root's rights cannot listen on. */
export function checkOwnSource(
  source: SocketEndpoint,
  values: Pick<OptionValues, "owner" | "user">,
  file: FilePermissions,
): void {
  if (source.kind !== "unix") return;
  checkFolder("SOURCE", source);
  if (file.directoryMode !== undefined && runtimeDirectory(source.path) === undefined)
    throw new UsageError(
      "--directory-mode: the relay may not make folders, and systemd makes them only below /run; " +
        "make the folder first, or leave out --no-socket",
    );
  if (file.owner !== undefined && values.owner !== idOf(values.user))
    throw new UsageError(
      "--owner: only root can change a file's owner, and the relay is not root; " +
        `leave out --no-socket, so that systemd makes the file, or add --user=${file.owner}`,
    );
}

function checkFolder(word: string, address: SocketEndpoint): void {
  if (address.kind !== "unix") return;
  const folder = folderOf(address.path);
  if (!["/", "/run", "/var/run"].includes(folder)) return;
  const orSocket = word === "SOURCE" ? ", or leave out --no-socket" : "";
  throw new UsageError(
    `${word}: only root can make files in ${folder}; write /run/NAME/socket${orSocket}`,
  );
}

/** Refuses options that do not work together. */
export function checkOptions(values: OptionValues, file: FilePermissions): void {
  const { service, onDemand, exitIdleTime, noSocket, adminGroup, group } = values;
  if (values.force && values.output === undefined)
    throw new UsageError("--force makes sense only with --output");
  const leaves = onDemand === undefined ? "--exit-idle-time" : "--on-demand";
  if (noSocket && (onDemand ?? exitIdleTime) !== undefined)
    throw new UsageError(
      `${leaves} does not work with --no-socket: only a .socket unit starts the relay again`,
    );
  if (exitIdleTime !== undefined && exitIdleTime < IDLE_LEAST)
    throw new UsageError(
      "--exit-idle-time needs at least 1s: a .socket unit treats a relay that exits sooner as failed",
    );
  if (onDemand !== undefined && exitIdleTime !== undefined)
    throw new UsageError("--on-demand sets --exit-idle-time itself: leave one out");
  if (onDemand !== undefined && service === undefined)
    throw new UsageError(
      "--on-demand stops a service: add --service; to stop only the relay, use --exit-idle-time",
    );
  if (noSocket && file.group !== undefined && adminGroup !== undefined && adminGroup !== group)
    throw new UsageError(
      "--admin-group must be the same as --group: the relay makes both files and has one group",
    );
}

// In milliseconds. A .socket unit treats a relay that exits sooner as failed.
const IDLE_LEAST = 1_000;

export function checkName(name: string, { service, user, userUnit }: OptionValues): void {
  if (service === `${name}.service`)
    throw new UsageError(`--name: ${service} is the service itself; the relay needs another name`);
  // systemd names the dynamic user of an instance after its template.
  const account = name.replace(/@$/, "");
  if (!userUnit && user === undefined && (userId(account) ?? groupId(account)) !== undefined)
    throw new UsageError(
      `--name: ${account} is a user or group of this system, and the relay would get its rights; ` +
        "choose another name or add --user",
    );
}

function idOf(user: string | undefined): number | undefined {
  if (user === undefined) return undefined;
  return /^\d+$/.test(user) ? Number(user) : userId(user);
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

export function filePermissions(given: GivenOptions): FilePermissions {
  return Object.fromEntries(
    FILE_OPTIONS.flatMap((name) => {
      const text = accountOption(given, name);
      return text === undefined ? [] : [[name, text]];
    }),
  );
}

/**
 * The user or group of an option, as text for a unit. A name stays a name: the machine that runs
 * the unit looks it up.
 */
export function accountOption(given: GivenOptions, name: OptionName): string | undefined {
  const text = given[flagOf(name)];
  if (typeof text !== "string") return undefined;
  if (!isAccount(text))
    throw new UsageError(`--${flagOf(name)}: a unit cannot contain this name; write its number`);
  return text;
}

type Defaults = { readonly [Name in OptionName]?: string | true };

/** `--on-demand=TIME` sets `--exit-idle-time=TIME` for the relay. */
export function exitIdleTime(given: GivenOptions): Defaults {
  const time = given[flagOf("onDemand")];
  return time === undefined ? {} : { exitIdleTime: time };
}

/**
 * The options for the relay's command line in the unit, in the order of the option table: the
 * options that were given, and `defaults` for options that were not given.
 */
export function relayOptions(given: GivenOptions, defaults: Defaults, socket: boolean): string[] {
  return OPTION_ROWS.flatMap(([name, row]) => {
    const value = given[flagOf(name)] ?? defaults[name];
    if (!isRelaysOwn(name, row.commands) || isFileOption(name)) return [];
    // A template's name would give all its instances the same name.
    if (name === "name" && (value === undefined || isTemplate(String(value)))) return [];
    if (value === undefined || (socket && isBindOption(name))) return [];
    return [value === true ? `--${flagOf(name)}` : `--${flagOf(name)}=${value}`];
  });
}

/**
 * Whether an option goes into the relay's command line. Options that only `units` takes do not.
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
