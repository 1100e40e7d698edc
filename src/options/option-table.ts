import type { Endpoint } from "../address/address.ts";
import { LOG_FORMATS, LOG_LEVELS, type LogFormat, type LogLevel } from "../observe/log/log.ts";
import { type Sort, SORTS } from "../observe/figures/open-connections.ts";
import { groupId } from "../os/user-ids.ts";
import { DEFAULTS } from "../relay/options.ts";
import { parseAdminAddress, parseMetricsAddress } from "./admin-address.ts";
import { printTime } from "./parse-time.ts";
import {
  parseAccounts,
  parseFolder,
  parseServiceName,
  parseServiceUser,
  parseUnitName,
} from "./parse-unit-options.ts";
import { RELAY_OPTIONS, WORKERS } from "./relay-options.ts";
import { account, choice, mode, text, time, type ValueType, yesOrNo } from "./value-types.ts";

/**
 * The commands, and the words that each takes. `relay` is the default command: the command line
 * does not name it.
 */
export const COMMANDS = {
  relay: {
    words: ["SOURCE", "DESTINATION"],
    summary: "relays connections from SOURCE to DESTINATION",
  },
  check: { words: ["FILE"], summary: "checks a configuration file" },
  demo: { words: [], summary: "shows two relays at work on this machine" },
  status: { words: ["ADMIN-ADDRESS"], summary: "shows what a relay with --admin is doing" },
  units: { words: ["SOURCE", "DESTINATION"], summary: "prints systemd units of a relay" },
} as const satisfies Record<string, { words: readonly string[]; summary: string }>;

export type CommandName = keyof typeof COMMANDS;

export const COMMAND_NAMES: readonly CommandName[] = Object.keys(COMMANDS).filter(
  (key): key is CommandName => key in COMMANDS,
);

/** What an option of a relay concerns: one relay, or all relays of its process. */
export type Scope = "relay" | "process";

/** The fields that an option has if it may also be in a configuration file. */
type OfFile =
  | {
      readonly scope: Scope;
      /**
       * What the option does, in a few sentences: the description in the JSON Schema, for editors.
       */
      readonly about: string;
    }
  | { readonly scope?: never; readonly about?: never };

/** One option that takes a value. */
export type ValueOption<Value> = OfFile & ValueRow<Value>;

interface ValueRow<Value> extends ValueType<Value> {
  /** Without a default, an option that was not given is absent from the values. */
  readonly default?: Value;
  /** The default as help shows it; absent if `help` already contains the default. */
  readonly shownDefault?: string;
  readonly help: string;
  /** Set if help shows the option on the previous row's line, after the previous option. */
  readonly sharesLine?: true;
  /**
   * The commands whose help only names the option, on its last lines, to save room; true for all
   * commands.
   */
  readonly terse?: true | readonly CommandName[];
  readonly commands: readonly CommandName[];
  /** The kinds of SOURCE that the option makes sense for; absent for all kinds. */
  readonly sources?: readonly Endpoint["kind"][];
}

/** One option without a value: it is given or not. */
export type FlagOption = OfFile & FlagRow;

interface FlagRow {
  readonly metavar?: never;
  readonly short?: string;
  readonly help: string;
  readonly sharesLine?: true;
  readonly terse?: true | readonly CommandName[];
  readonly commands: readonly CommandName[];
  readonly sources?: readonly Endpoint["kind"][];
}

/**
 * The one table of options: parsing, checks and help follow from its rows, in this order. A key is
 * an option's name in code; `flagOf` gives its name on the command line. If `RelayOptions` has the
 * same key, the value goes to the relay.
 */
export const OPTIONS = {
  mode: {
    ...RELAY_OPTIONS.mode,
    help: "mode",
    commands: ["relay"],
    scope: "relay",
    about:
      "The permissions of a Unix source's file, in octal digits, in place before anyone can connect. Default: the umask decides.",
  },
  owner: {
    ...RELAY_OPTIONS.owner,
    help: "owner",
    sharesLine: true,
    commands: ["relay"],
    scope: "relay",
    about:
      "The user that owns a Unix source's file, by name or number. Default: the user of the process.",
  },
  group: {
    ...RELAY_OPTIONS.group,
    help: "group of a Unix SOURCE",
    sharesLine: true,
    commands: ["relay"],
    scope: "relay",
    about:
      "The group of a Unix source's file, by name or number. Default: the group of the process.",
  },
  directoryMode: {
    ...RELAY_OPTIONS.directoryMode,
    help: "makes a Unix SOURCE's missing folders",
    terse: true,
    commands: ["relay"],
    scope: "relay",
    about:
      "Makes the missing folders of a Unix source, with these permissions. Default: a missing folder is an error.",
  },
  freebind: {
    ...RELAY_OPTIONS.freebind,
    help: "listens on an address that the machine does not have yet",
    terse: true,
    commands: ["relay"],
    scope: "relay",
    about: "Listens on an address that the machine does not have yet (IP_FREEBIND).",
  },
  connectTimeout: {
    ...RELAY_OPTIONS.connectTimeout,
    ...timeDefault(DEFAULTS.connectTimeout),
    help: "time to reach DESTINATION",
    commands: ["relay"],
    scope: "relay",
    about: "How long connecting to the destination may take.",
  },
  connectRetry: {
    ...RELAY_OPTIONS.connectRetry,
    ...timeDefault(DEFAULTS.connectRetry),
    help: "keeps trying if refused",
    commands: ["relay"],
    scope: "relay",
    about:
      "How long the relay keeps trying a destination that refuses or is absent, while the client waits.",
  },
  keepalive: {
    ...RELAY_OPTIONS.keepalive,
    ...timeDefault(DEFAULTS.keepalive),
    help: "probes TCP",
    commands: ["relay"],
    scope: "relay",
    about:
      "The idle time before TCP keepalive probes; 0 sends none. Bytes that stay unacknowledged for as long as the probes would take end the connection, too.",
  },
  idleTimeout: {
    ...RELAY_OPTIONS.idleTimeout,
    help: "ends idle (never)",
    sharesLine: true,
    commands: ["relay"],
    scope: "relay",
    about: "Ends a connection on which nothing has moved either way for this long. Default: never.",
  },
  halfCloseTimeout: {
    ...RELAY_OPTIONS.halfCloseTimeout,
    help: "ends idle half-closed ones (never)",
    terse: true,
    commands: ["relay"],
    scope: "relay",
    about:
      "Ends a half-closed connection on which nothing has moved for this long. Default: never.",
  },
  drainTimeout: {
    ...RELAY_OPTIONS.drainTimeout,
    ...timeDefault(DEFAULTS.drainTimeout),
    help: "how long a stop waits",
    commands: ["relay"],
    scope: "process",
    about:
      "How long a stop waits for open connections. It does not wait for a connection on which nothing has moved for 2 s.",
  },
  exitIdleTime: {
    ...time({ least: 1 }),
    help: "exits if unused for TIME (never)",
    commands: ["relay"],
    scope: "process",
    about:
      "Ends the process with status 0 after this long without a connection, from the start on. Default: never.",
  },
  connectionsMax: {
    ...RELAY_OPTIONS.connectionsMax,
    help: "most open connections",
    commands: ["relay"],
    scope: "relay",
    about:
      "The most open connections at once; further clients wait in the kernel's queue. Default: as many as the limit on open files allows.",
  },
  connectionsMaxPerClient: {
    ...RELAY_OPTIONS.connectionsMaxPerClient,
    help: "most open connections of one address or Unix user (no limit)",
    terse: true,
    commands: ["relay"],
    scope: "relay",
    about:
      "The most open connections at once of one client: an IPv4 address, an IPv6 /64 network or a Unix user. Further connections are refused. Default: no limit per client.",
  },
  backlog: {
    ...RELAY_OPTIONS.backlog,
    help: "the kernel's queue of the source",
    terse: true,
    commands: ["relay"],
    scope: "relay",
    about:
      "The kernel's queue of clients that are not accepted yet. Default: 4096; for an inherited socket, the most that the system allows.",
  },
  workers: {
    ...WORKERS,
    default: 1,
    shownDefault: "1",
    help: "threads",
    sharesLine: true,
    commands: ["relay"],
    scope: "process",
    about: "Threads that accept and relay; auto is one for each processor.",
  },
  allow: {
    ...RELAY_OPTIONS.allow,
    help: "TCP clients allowed",
    commands: ["relay"],
    scope: "relay",
    about: "Accepts TCP clients only from these addresses and ranges. Default: from everywhere.",
  },
  deny: {
    ...RELAY_OPTIONS.deny,
    help: "refused (A,B/8)",
    sharesLine: true,
    commands: ["relay"],
    scope: "relay",
    about: "Refuses TCP clients from these addresses and ranges, even if allow contains them.",
  },
  allowUsers: {
    ...RELAY_OPTIONS.allowUsers,
    help: "Unix clients allowed by user",
    commands: ["relay"],
    scope: "relay",
    about:
      "Accepts a Unix client only if it runs as one of these users or has one of the groups in allow-groups. Default: accepts all.",
  },
  allowGroups: {
    ...RELAY_OPTIONS.allowGroups,
    help: "group",
    sharesLine: true,
    commands: ["relay"],
    scope: "relay",
    about:
      "Accepts a Unix client only if it has one of these groups or runs as one of the users in allow-users. Default: accepts all.",
  },
  proxyProtocol: {
    ...RELAY_OPTIONS.proxyProtocol,
    help: "v1, v2: names the client (off)",
    commands: ["relay"],
    scope: "relay",
    about:
      "Tells the destination who the client is, by a header of the PROXY protocol before the client's first byte. The destination must expect it. Default: off.",
  },
  logLevel: {
    ...choice<LogLevel>("LEVEL", LOG_LEVELS),
    ...wordDefault<LogLevel>("info"),
    help: "debug to error",
    commands: ["relay"],
    scope: "process",
    about: "Logs lines of this level and of more severe levels.",
  },
  logFormat: {
    ...choice<LogFormat>("FORMAT", LOG_FORMATS),
    ...wordDefault<LogFormat>("auto"),
    help: "format",
    sharesLine: true,
    commands: ["relay"],
    scope: "process",
    about:
      "The format of log lines; auto is journal, pretty or plain, depending on what standard error is.",
  },
  admin: {
    ...text("ADDRESS", (written) => parseAdminAddress(written, "to listen on"), "/run/app/admin"),
    help: "status and metrics",
    commands: ["relay"],
    scope: "process",
    about:
      "Serves a page, the status, metrics and health at this address: a Unix socket or a loopback port. Default: off.",
  },
  accessLog: {
    help: "logs each client",
    sharesLine: true,
    commands: ["relay"],
    scope: "process",
    about: "Logs one line for each connection, when it ends.",
  },
  adminMode: {
    ...mode(),
    help: "the mode of the admin socket's file (0660)",
    terse: true,
    commands: ["relay"],
    scope: "process",
    about: "The permissions of the admin socket's file, in octal digits.",
  },
  adminGroup: {
    ...account("group", groupId),
    help: "the group of the admin socket's file (the relay's own)",
    terse: true,
    commands: ["relay"],
    scope: "process",
    about:
      "The group of the admin socket's file, by name or number. Default: the group of the process.",
  },
  metrics: {
    ...text("ADDRESS", parseMetricsAddress, "0.0.0.0:9100"),
    help: "metrics and health for anybody who can connect",
    terse: true,
    commands: ["relay"],
    scope: "process",
    about:
      "Serves /metrics, /healthz and /readyz, and nothing else, at this address: a TCP address or a Unix socket. Default: off.",
  },
  requirePrivateNetwork: {
    help: "refuses to start where there is a network interface besides loopback",
    terse: true,
    commands: ["relay"],
    scope: "process",
    about: "Refuses to start if the network namespace has any interface besides loopback.",
  },
  service: {
    ...text("SERVICE", parseServiceName, "app.service"),
    help: "isolates SERVICE, joins its network namespace",
    commands: ["units"],
  },
  onDemand: {
    // A .socket unit treats a relay that exits sooner as failed.
    ...time({ least: 1_000 }),
    help: "stops SERVICE and relay if unused for TIME",
    commands: ["units"],
  },
  noSocket: {
    help: "the relay itself listens, and always runs",
    commands: ["units"],
  },
  name: {
    ...text("NAME", parseUnitName, "relay-app"),
    help: "the units' name (relay-...); NAME@: a template",
    terse: ["relay"],
    commands: ["relay", "units"],
  },
  userUnit: {
    help: "units for systemctl --user (%t: runtime folder)",
    commands: ["units"],
  },
  user: {
    ...text("USER", parseServiceUser, "app"),
    help: "the relay's user (a dynamic user)",
    commands: ["units"],
  },
  supplementaryGroups: {
    ...text("GROUP", parseAccounts, "www-data"),
    isList: true,
    help: "that user's groups, to open DESTINATION (A,B)",
    commands: ["units"],
  },
  output: {
    ...text("DIR", parseFolder, "."),
    help: "writes the files to DIR, prints the next steps",
    commands: ["units"],
  },
  force: { help: "overwrites existing files", commands: ["units"] },
  sort: {
    ...choice<Sort>("ORDER", SORTS),
    ...wordDefault<Sort>("rate"),
    help: "age, newest, bytes, rate or held",
    commands: ["status"],
  },
  watch: { help: "updates the status in place until q or Ctrl-C", commands: ["status"] },
  check: {
    help: "tells only if the relay is ready: exit status 0 or 1",
    commands: ["status"],
  },
  wait: {
    ...time({ least: 1 }),
    help: "waits at most TIME until the relay is ready",
    commands: ["status"],
  },
  json: { help: "prints JSON; with --watch one line a second", commands: ["status"] },
  hold: { help: "keeps running until Ctrl-C or TERM", commands: ["demo"] },
  help: {
    help: "this help",
    short: "h",
    commands: ["relay", "check", "demo", "status", "units"],
  },
  config: {
    ...text("FILE", (file) => file, "relays.toml"),
    help: "many relays",
    sharesLine: true,
    commands: ["relay", "units"],
  },
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

/**
 * The values of a command line's options. An option without a default is absent if it was not
 * given.
 */
export type OptionValues = { readonly [Name in Always]: ValueOf<Rows[Name]> } & {
  readonly [Name in Exclude<OptionName, Always>]?: ValueOf<Rows[Name]>;
};

/** Every row with its name, in the table's order. */
export const OPTION_ROWS: readonly (readonly [OptionName, ValueOption<unknown> | FlagOption])[] =
  optionNames().map((name) => [name, OPTIONS[name]] as const);

/** Completes the values of options that were given by the defaults of the other options. */
export function completeValues(given: Partial<Record<OptionName, unknown>>): OptionValues {
  const values: Record<string, unknown> = {};
  for (const [name, row] of OPTION_ROWS) {
    const fallback = row.metavar === undefined ? false : row.default;
    const value = given[name] ?? fallback;
    if (value !== undefined) values[name] = value;
  }
  // The table's types give each row's value type, but TypeScript cannot follow a loop over the
  // rows.
  return values as unknown as OptionValues;
}

/**
 * Reads the value of an option in a configuration file.
 *
 * @throws {InvalidValue}
 */
export function readOption(name: OptionName, written: unknown): unknown {
  const row: ValueOption<unknown> | FlagOption = OPTIONS[name];
  return row.metavar === undefined ? YES_OR_NO.read(written) : row.read(written);
}

/**
 * The effective options as text, by their names on the command line: the text that `given` returns,
 * or else the default that help shows. `isMeant` chooses the options.
 */
export function showOptions(
  isMeant: (name: OptionName) => boolean,
  given: (name: OptionName) => string | undefined,
): Record<string, string> {
  const shown: Record<string, string> = {};
  for (const [name, row] of OPTION_ROWS) {
    const text = given(name) ?? (row.metavar === undefined ? undefined : row.shownDefault);
    if (isMeant(name) && text !== undefined) shown[flagOf(name)] = text;
  }
  return shown;
}

/** Whether the help of a command only names an option. */
export function isListedWithoutHelp(
  row: ValueOption<unknown> | FlagOption,
  command: CommandName,
): boolean {
  return row.terse === true || (Array.isArray(row.terse) && row.terse.includes(command));
}

/** Whether a configuration file can have an option. */
export function isOfFile(name: OptionName): boolean {
  return "scope" in OPTIONS[name];
}

const YES_OR_NO = yesOrNo();

/**
 * Whether a command takes an option. `units` also takes the options of the relay that it writes
 * units for.
 */
export function takes(command: CommandName, name: OptionName): boolean {
  const { commands }: { readonly commands: readonly CommandName[] } = OPTIONS[name];
  const describes = command === "units" && name !== "version" && commands.includes("relay");
  return describes || commands.includes(command);
}

/** An option's name on the command line, without its dashes. */
export function flagOf(name: OptionName): string {
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
