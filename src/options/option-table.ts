import type { Endpoint } from "../address/address.ts";
import { LOG_FORMATS, LOG_LEVELS, type LogFormat, type LogLevel } from "../observe/log/log.ts";
import { type Sort, SORTS } from "../observe/figures/open-connections.ts";
import { groupId } from "../os/user-ids.ts";
import { DEFAULTS } from "../relay/options.ts";
import { parseAdminAddress } from "./admin-address.ts";
import { printTime } from "./parse-time.ts";
import {
  parseAccounts,
  parseFolder,
  parseServiceName,
  parseServiceUser,
  parseUnitName,
} from "./parse-unit-options.ts";
import { RELAY_OPTIONS, type RelayOptionName, WORKERS } from "./relay-options.ts";
import { account, choice, mode, text, time, type ValueType } from "./value-types.ts";

/** The commands and the words each takes. `relay` is the one that goes without its name. */
export const COMMANDS = {
  relay: {
    words: ["SOURCE", "DESTINATION"],
    summary: "carries what comes to SOURCE to DESTINATION",
  },
  demo: { words: [], summary: "shows two relays at work on this machine" },
  status: { words: ["ADMIN-ADDRESS"], summary: "shows what a relay with --admin is doing" },
  units: { words: ["SOURCE", "DESTINATION"], summary: "prints systemd units of a relay" },
} as const satisfies Record<string, { words: readonly string[]; summary: string }>;

export type CommandName = keyof typeof COMMANDS;

export const COMMAND_NAMES: readonly CommandName[] = Object.keys(COMMANDS).filter(
  (key): key is CommandName => key in COMMANDS,
);

/** What an option of a relay concerns: one relay, or all relays of its process. */
type Scope = "relay" | "process";

/** One option that takes a value. */
export interface ValueOption<Value> extends ValueType<Value> {
  /** Where there is none, an option that was not given is absent from the values. */
  readonly default?: Value;
  /** The default as help shows it; absent where the help's own words say it. */
  readonly shownDefault?: string;
  readonly help: string;
  /** Whether help has it on the line of the row before, whose words come first. */
  readonly sharesLine?: true;
  /** Whether help only names it, on its last lines: there is no room for its words. */
  readonly terse?: true;
  readonly commands: readonly CommandName[];
  /** Of an option that a configuration file has as well. */
  readonly scope?: Scope;
  /** The kinds of SOURCE that it makes sense for; all where absent. */
  readonly sources?: readonly Endpoint["kind"][];
}

/** One option that is given or not. */
export interface FlagOption {
  readonly metavar?: never;
  readonly short?: string;
  readonly help: string;
  readonly sharesLine?: true;
  readonly terse?: true;
  readonly commands: readonly CommandName[];
  readonly scope?: Scope;
}

/**
 * The one table of options: parsing, checks and help follow from its rows, in this order. A key is
 * an option's name in code; `flagOf` gives the one on the command line. Where a key is also one of
 * `RelayOptions`, its value reaches the relay.
 */
export const OPTIONS = {
  mode: { ...RELAY_OPTIONS.mode, help: "mode", commands: ["relay"], scope: "relay" },
  owner: {
    ...RELAY_OPTIONS.owner,
    help: "owner",
    sharesLine: true,
    commands: ["relay"],
    scope: "relay",
  },
  group: {
    ...RELAY_OPTIONS.group,
    help: "group of a Unix SOURCE",
    sharesLine: true,
    commands: ["relay"],
    scope: "relay",
  },
  directoryMode: {
    ...RELAY_OPTIONS.directoryMode,
    help: "makes a Unix SOURCE's missing folders",
    terse: true,
    commands: ["relay"],
    scope: "relay",
  },
  freebind: {
    help: "listens on an address that the machine does not have yet",
    terse: true,
    commands: ["relay"],
    scope: "relay",
  },
  connectTimeout: {
    ...RELAY_OPTIONS.connectTimeout,
    ...timeDefault(DEFAULTS.connectTimeout),
    help: "time to reach DESTINATION",
    commands: ["relay"],
    scope: "relay",
  },
  connectRetry: {
    ...RELAY_OPTIONS.connectRetry,
    ...timeDefault(DEFAULTS.connectRetry),
    help: "tries again what refuses",
    commands: ["relay"],
    scope: "relay",
  },
  keepalive: {
    ...RELAY_OPTIONS.keepalive,
    ...timeDefault(DEFAULTS.keepalive),
    help: "probes TCP",
    commands: ["relay"],
    scope: "relay",
  },
  idleTimeout: {
    ...RELAY_OPTIONS.idleTimeout,
    help: "ends idle (never)",
    sharesLine: true,
    commands: ["relay"],
    scope: "relay",
  },
  halfCloseTimeout: {
    ...RELAY_OPTIONS.halfCloseTimeout,
    help: "ends idle half-closed ones (never)",
    terse: true,
    commands: ["relay"],
    scope: "relay",
  },
  drainTimeout: {
    ...RELAY_OPTIONS.drainTimeout,
    ...timeDefault(DEFAULTS.drainTimeout),
    help: "a stop waits for connections",
    commands: ["relay"],
    scope: "process",
  },
  exitIdleTime: {
    ...time({ least: 1 }),
    help: "exits when unused so long (never)",
    commands: ["relay"],
    scope: "process",
  },
  connectionsMax: {
    ...RELAY_OPTIONS.connectionsMax,
    help: "most open at once",
    commands: ["relay"],
    scope: "relay",
  },
  backlog: {
    ...RELAY_OPTIONS.backlog,
    help: "kernel's queue",
    sharesLine: true,
    commands: ["relay"],
    scope: "relay",
  },
  workers: {
    ...WORKERS,
    default: 1,
    shownDefault: "1",
    help: "threads that accept and relay",
    commands: ["relay"],
    scope: "process",
  },
  allow: {
    ...RELAY_OPTIONS.allow,
    help: "TCP clients let in",
    commands: ["relay"],
    scope: "relay",
  },
  deny: {
    ...RELAY_OPTIONS.deny,
    help: "kept out (A,B/8)",
    sharesLine: true,
    commands: ["relay"],
    scope: "relay",
  },
  allowUsers: {
    ...RELAY_OPTIONS.allowUsers,
    help: "Unix clients let in by user",
    commands: ["relay"],
    scope: "relay",
  },
  allowGroups: {
    ...RELAY_OPTIONS.allowGroups,
    help: "group",
    sharesLine: true,
    commands: ["relay"],
    scope: "relay",
  },
  proxyProtocol: {
    ...RELAY_OPTIONS.proxyProtocol,
    help: "v1, v2: says who connects (off)",
    commands: ["relay"],
    scope: "relay",
  },
  logLevel: {
    ...choice<LogLevel>("LEVEL", LOG_LEVELS),
    ...wordDefault<LogLevel>("info"),
    help: "debug to error",
    commands: ["relay"],
    scope: "process",
  },
  logFormat: {
    ...choice<LogFormat>("FORMAT", LOG_FORMATS),
    ...wordDefault<LogFormat>("auto"),
    help: "form",
    sharesLine: true,
    commands: ["relay"],
    scope: "process",
  },
  admin: {
    ...text("ADDRESS", (written) => parseAdminAddress(written, "to listen on"), "/run/app/admin"),
    help: "status and metrics",
    commands: ["relay"],
    scope: "process",
  },
  accessLog: { help: "logs each client", sharesLine: true, commands: ["relay"], scope: "process" },
  adminMode: {
    ...mode(),
    help: "the mode of the admin socket's file (0660)",
    terse: true,
    commands: ["relay"],
    scope: "process",
  },
  adminGroup: {
    ...account("group", groupId),
    help: "the group of the admin socket's file (the relay's own)",
    terse: true,
    commands: ["relay"],
    scope: "process",
  },
  requirePrivateNetwork: {
    help: "refuses to start where there is a network interface besides loopback",
    terse: true,
    commands: ["relay"],
    scope: "process",
  },
  service: {
    ...text("SERVICE", parseServiceName, "app.service"),
    help: "locks this service in, and relays from inside",
    commands: ["units"],
  },
  onDemand: {
    // The .socket unit takes a relay that leaves sooner for one that fails.
    ...time({ least: 1_000 }),
    help: "stops it, and the relay, when unused so long",
    commands: ["units"],
  },
  noSocket: {
    help: "the relay listens itself, and always runs",
    commands: ["units"],
  },
  name: {
    ...text("NAME", parseUnitName, "relay-app"),
    help: "the units' name (relay-...); NAME@: a template",
    commands: ["units"],
  },
  userUnit: {
    help: "units for systemctl --user (%t: runtime folder)",
    commands: ["units"],
  },
  user: {
    ...text("USER", parseServiceUser, "app"),
    help: "the relay's user (one that systemd makes up)",
    commands: ["units"],
  },
  supplementaryGroups: {
    ...text("GROUP", parseAccounts, "www-data"),
    isList: true,
    help: "groups of that user, to open DESTINATION (A,B)",
    commands: ["units"],
  },
  output: {
    ...text("DIR", parseFolder, "."),
    help: "writes the files there, prints what comes next",
    commands: ["units"],
  },
  force: { help: "overwrites files that are there", commands: ["units"] },
  sort: {
    ...choice<Sort>("ORDER", SORTS),
    ...wordDefault<Sort>("rate"),
    help: "age, newest, bytes, rate or held",
    commands: ["status"],
  },
  watch: { help: "goes on showing it, in place, until q or Ctrl-C", commands: ["status"] },
  json: { help: "for programs; with --watch a line a second", commands: ["status"] },
  hold: { help: "goes on until Ctrl-C or TERM", commands: ["demo"] },
  help: { help: "shows this", short: "h", commands: ["relay", "demo", "status", "units"] },
  version: { help: "the version", sharesLine: true, commands: ["relay"] },
} as const satisfies Record<string, ValueOption<unknown> | FlagOption>;

type Rows = typeof OPTIONS;

/** An option's name in code. */
export type OptionName = keyof Rows;

/** The options of one relay, or those of its process. */
export type OptionIn<Of extends Scope> = {
  [Name in OptionName]: Rows[Name] extends { readonly scope: Of } ? Name : never;
}[OptionName];

type ValueOf<Row> = Row extends { parse: (text: string) => infer Value } ? Value : boolean;

type Always = {
  [Name in OptionName]: Rows[Name] extends { metavar: string }
    ? Rows[Name] extends { default: unknown }
      ? Name
      : never
    : Name;
}[OptionName];

/** What the options of a command line say; one without a default is absent if not given. */
export type OptionValues = { readonly [Name in Always]: ValueOf<Rows[Name]> } & {
  readonly [Name in Exclude<OptionName, Always>]?: ValueOf<Rows[Name]>;
};

/** Every row with its name, in the table's order. */
export const OPTION_ROWS: readonly (readonly [OptionName, ValueOption<unknown> | FlagOption])[] =
  optionNames().map((name) => [name, OPTIONS[name]] as const);

/** Whether a command takes an option: its own, and `units` those of the relay that it describes. */
export function takes(command: CommandName, name: OptionName): boolean {
  const { commands }: { readonly commands: readonly CommandName[] } = OPTIONS[name];
  const describes = command === "units" && name !== "version" && commands.includes("relay");
  return describes || commands.includes(command);
}

/** An option's name on the command line, without its dashes. */
export function flagOf(name: OptionName | RelayOptionName): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function optionNames(): OptionName[] {
  return Object.keys(OPTIONS).filter((key): key is OptionName => key in OPTIONS);
}

function timeDefault(milliseconds: number) {
  return { default: milliseconds, shownDefault: printTime(milliseconds) } as const;
}

function wordDefault<Word extends string>(word: Word) {
  return { default: word, shownDefault: word } as const;
}
