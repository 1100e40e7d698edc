import type { Endpoint } from "../address/address.ts";
import { LOG_FORMATS, LOG_LEVELS, type LogFormat, type LogLevel } from "../observe/log/log.ts";
import { type Sort, SORTS } from "../observe/figures/open-connections.ts";
import { INT_MOST } from "../os/int-most.ts";
import { groupId, userId } from "../os/user-ids.ts";
import { type Cidr, CidrError, parseCidr } from "../address/cidr.ts";
import { DEFAULTS } from "../relay/options.ts";
import { PROXY_VERSIONS } from "../relay/proxy-protocol.ts";
import type { Workers } from "../workers/worker-count.ts";
import { parseAdminAddress } from "./admin-address.ts";
import { InvalidValue, quote } from "./invalid-value.ts";
import { parseTime, printTime, type TimeRange } from "./parse-time.ts";
import {
  parseFolder,
  parseServiceName,
  parseServiceUser,
  parseUnitName,
} from "./parse-unit-options.ts";

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

/** One option that takes a value. */
export interface ValueOption<Value> {
  readonly metavar: string;
  /** Reads the value. Throws `InvalidValue` where it makes no sense. */
  readonly parse: (text: string) => Value;
  /** Where there is none, an option that was not given is absent from the values. */
  readonly default?: Value;
  /** The default as help shows it; absent where the help's own words say it. */
  readonly shownDefault?: string;
  readonly help: string;
  /** Whether help has it on the line of the row before, whose words come first. */
  readonly sharesLine?: true;
  /** Whether it takes values between commas, and may be given several times. */
  readonly isList?: true;
  readonly commands: readonly CommandName[];
  /** The kinds of SOURCE that it makes sense for; all where absent. */
  readonly sources?: readonly Endpoint["kind"][];
}

/** One option that is given or not. */
export interface FlagOption {
  readonly metavar?: never;
  readonly short?: string;
  readonly help: string;
  readonly sharesLine?: true;
  readonly commands: readonly CommandName[];
}

/**
 * The one table of options: parsing, checks and help follow from its rows, in this order. A key is
 * an option's name in code; `flagOf` gives the one on the command line. Where a key is also one of
 * `RelayOptions`, its value reaches the relay.
 */
export const OPTIONS = {
  mode: {
    metavar: "MODE",
    parse: parseMode,
    help: "mode",
    commands: ["relay"],
    sources: ["unix"],
  },
  owner: {
    metavar: "USER",
    parse: (text: string) => parseId(text, "user", userId),
    help: "owner",
    sharesLine: true,
    commands: ["relay"],
    sources: ["unix"],
  },
  group: {
    metavar: "GROUP",
    parse: (text: string) => parseId(text, "group", groupId),
    help: "group of a Unix SOURCE",
    sharesLine: true,
    commands: ["relay"],
    sources: ["unix"],
  },
  directoryMode: {
    metavar: "MODE",
    parse: parseMode,
    help: "makes a Unix SOURCE's missing folders",
    commands: ["relay"],
    sources: ["unix"],
  },
  connectTimeout: {
    ...time({ least: 1 }, DEFAULTS.connectTimeout),
    help: "time to reach DESTINATION",
    commands: ["relay"],
  },
  connectRetry: {
    ...time({ least: 0 }, DEFAULTS.connectRetry),
    help: "tries again what refuses",
    commands: ["relay"],
  },
  keepalive: {
    // tcp(7): TCP_KEEPIDLE is in seconds and at most 32767.
    ...time({ least: 1_000, most: 32_767_000, zero: true }, DEFAULTS.keepalive),
    help: "probes TCP",
    commands: ["relay"],
  },
  idleTimeout: {
    ...someTime({ least: 1 }),
    help: "ends idle (never)",
    sharesLine: true,
    commands: ["relay"],
  },
  halfCloseTimeout: {
    ...someTime({ least: 1 }),
    help: "ends idle half-closed ones (never)",
    commands: ["relay"],
  },
  drainTimeout: {
    ...time({ least: 0 }, DEFAULTS.drainTimeout),
    help: "a stop waits for connections",
    commands: ["relay"],
  },
  exitIdleTime: {
    ...someTime({ least: 1 }),
    help: "exits when unused so long (never)",
    commands: ["relay"],
  },
  connectionsMax: {
    ...number("N", { least: 1, most: INT_MOST }),
    help: "most open at once",
    commands: ["relay"],
  },
  backlog: {
    ...number("N", { least: 0, most: INT_MOST }),
    help: "kernel's queue",
    sharesLine: true,
    commands: ["relay"],
  },
  workers: {
    metavar: "N|auto",
    parse: parseWorkers,
    default: 1,
    shownDefault: "1",
    help: "threads that accept and relay",
    commands: ["relay"],
  },
  allow: {
    ...list("CIDR", parseRange),
    help: "TCP clients let in",
    commands: ["relay"],
    sources: ["tcp", "systemd", "fd"],
  },
  deny: {
    ...list("CIDR", parseRange),
    help: "kept out (A,B/8)",
    sharesLine: true,
    commands: ["relay"],
    sources: ["tcp", "systemd", "fd"],
  },
  allowUsers: {
    ...list("USER", (text) => parseId(text, "user", userId)),
    help: "Unix clients let in by user",
    commands: ["relay"],
    sources: ["unix", "abstract", "systemd", "fd"],
  },
  allowGroups: {
    ...list("GROUP", (text) => parseId(text, "group", groupId)),
    help: "group",
    sharesLine: true,
    commands: ["relay"],
    sources: ["unix", "abstract", "systemd", "fd"],
  },
  proxyProtocol: {
    metavar: "VERSION",
    parse: (text: string) => oneOf(PROXY_VERSIONS, text),
    help: "v1, v2: says who connects (off)",
    commands: ["relay"],
  },
  logLevel: {
    ...choice<LogLevel>(LOG_LEVELS, "info"),
    metavar: "LEVEL",
    help: "debug to error",
    commands: ["relay"],
  },
  logFormat: {
    ...choice<LogFormat>(LOG_FORMATS, "auto"),
    metavar: "FORMAT",
    help: "form",
    sharesLine: true,
    commands: ["relay"],
  },
  admin: {
    metavar: "ADDRESS",
    parse: (text: string) => parseAdminAddress(text, "to listen on"),
    help: "status and metrics",
    commands: ["relay"],
  },
  accessLog: { help: "logs each client", sharesLine: true, commands: ["relay"] },
  service: {
    metavar: "SERVICE",
    parse: parseServiceName,
    help: "joins the network namespace of this .service",
    commands: ["units"],
  },
  socket: {
    help: "systemd listens, and starts the relay for the first client",
    commands: ["units"],
  },
  name: {
    metavar: "NAME",
    parse: parseUnitName,
    help: "the units' name (relay- and SERVICE or SOURCE)",
    commands: ["units"],
  },
  user: {
    metavar: "USER",
    parse: parseServiceUser,
    help: "the relay's user (one that systemd makes up)",
    commands: ["units"],
  },
  output: {
    metavar: "DIR",
    parse: parseFolder,
    help: "writes the files there and prints what comes next",
    commands: ["units"],
  },
  force: { help: "overwrites files that are there", commands: ["units"] },
  sort: {
    ...choice<Sort>(SORTS, "rate"),
    metavar: "ORDER",
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

/** The options of one command. */
export type OptionOf<Command extends CommandName> = {
  [Name in OptionName]: Command extends Rows[Name]["commands"][number] ? Name : never;
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
export function flagOf(name: OptionName): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function optionNames(): OptionName[] {
  return Object.keys(OPTIONS).filter((key): key is OptionName => key in OPTIONS);
}

function time(range: TimeRange, fallback: number) {
  return {
    metavar: "TIME",
    parse: (text: string) => parseTime(text, range),
    default: fallback,
    shownDefault: printTime(fallback),
  } as const;
}

function someTime(range: TimeRange) {
  return { metavar: "TIME", parse: (text: string) => parseTime(text, range) } as const;
}

function number(metavar: string, { least, most }: { least: number; most: number }) {
  return {
    metavar,
    parse(text: string): number {
      const value = Number(text);
      if (!/^\d+$/.test(text) || value < least || value > most)
        throw new InvalidValue(`${quote(text)} is no number from ${least} to ${most}`);
      return value;
    },
  } as const;
}

// Each costs memory and descriptors; no machine has more processors (Linux, CONFIG_NR_CPUS).
const WORKERS_MOST = 8_192;

function parseWorkers(text: string): Workers {
  if (text === "auto") return text;
  const workers = Number(text);
  if (!/^\d+$/.test(text) || workers < 1 || workers > WORKERS_MOST)
    throw new InvalidValue(`${quote(text)} is no number from 1 to ${WORKERS_MOST}; or say auto`);
  return workers;
}

function choice<Value extends string>(choices: readonly Value[], fallback: Value) {
  return {
    parse: (text: string) => oneOf(choices, text),
    default: fallback,
    shownDefault: fallback,
  } as const;
}

function oneOf<Value extends string>(choices: readonly Value[], text: string): Value {
  const chosen = choices.find((known) => known === text);
  if (chosen === undefined)
    throw new InvalidValue(`${quote(text)} is none of ${choices.join(", ")}`);
  return chosen;
}

/** Values between commas; every one has to make sense. */
function list<Value>(metavar: string, parse: (text: string) => Value) {
  return {
    metavar,
    isList: true,
    parse(text: string): readonly Value[] {
      const items = text.split(",");
      if (items.includes("")) throw new InvalidValue(`${quote(text)} has an empty entry`);
      return items.map(parse);
    },
  } as const;
}

function parseRange(text: string): Cidr {
  try {
    return parseCidr(text);
  } catch (error) {
    if (!(error instanceof CidrError)) throw error;
    throw new InvalidValue(`${quote(error.text)} ${error.reason}`, { cause: error });
  }
}

function parseMode(text: string): number {
  if (!/^0*[0-7]{1,3}$/.test(text))
    throw new InvalidValue(`${quote(text)} is no mode; write octal digits from 0 to 0777, as 0660`);
  return Number.parseInt(text, 8);
}

// chown(2) takes 2³² - 1 for "leave it".
const ID_MAX = 2 ** 32 - 2;

function parseId(
  text: string,
  what: "user" | "group",
  find: (name: string) => number | undefined,
): number {
  if (!/^\d+$/.test(text)) {
    const id = find(text);
    if (id === undefined) throw new InvalidValue(`this system knows no ${what} ${quote(text)}`);
    return id;
  }
  const id = Number(text);
  if (id > ID_MAX) throw new InvalidValue(`${text} is no ${what} id; at most ${ID_MAX}`);
  return id;
}
