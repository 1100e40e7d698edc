import type { CommandName } from "./commands.ts";
import { CLIENT_ROWS } from "./rows/client-rows.ts";
import { DEMO_ROWS } from "./rows/demo-rows.ts";
import { GENERAL_ROWS } from "./rows/general-rows.ts";
import { LIMIT_ROWS } from "./rows/limit-rows.ts";
import { OBSERVATION_ROWS } from "./rows/observation-rows.ts";
import type { OptionRow, OptionRows, Scope } from "./option-row.ts";
import { PROCESS_ROWS } from "./rows/namespace-and-name-rows.ts";
import { SOURCE_ROWS } from "./rows/source-rows.ts";
import { STATUS_ROWS } from "./rows/status-rows.ts";
import { TIME_ROWS } from "./rows/time-rows.ts";
import { UNITS_ROWS } from "./rows/units-rows.ts";
import { yesOrNo } from "./value-types.ts";

/**
 * The only table of options. Parsing, checks, help, the manual pages and the completions are made
 * from the rows of this table, in this order. A key of the table is an option's name in code;
 * `flagOf` gives the option's name on the command line. If `RelayOptions` has the same key, the
 * option's value goes to the relay.
 */
export const OPTIONS = {
  ...SOURCE_ROWS,
  ...TIME_ROWS,
  ...LIMIT_ROWS,
  ...CLIENT_ROWS,
  ...OBSERVATION_ROWS,
  ...PROCESS_ROWS,
  ...UNITS_ROWS,
  ...STATUS_ROWS,
  ...DEMO_ROWS,
  ...GENERAL_ROWS,
} as const satisfies OptionRows;

type Rows = typeof OPTIONS;

/** An option's name in code. */
export type OptionName = keyof Rows;

/**
 * The names of the options of one scope: of one relay, or of the whole process. Some options belong
 * to both scopes.
 */
export type OptionIn<Of extends Scope> = {
  [Name in OptionName]: Rows[Name] extends { readonly scope: Of }
    ? Name
    : Of extends "process"
      ? Rows[Name] extends { readonly aboutProcess: string }
        ? Name
        : never
      : never;
}[OptionName];

/**
 * The scopes in which a configuration file may set an option; empty if a file may not set the
 * option.
 */
export function scopesOf({ scope, aboutProcess }: OptionRow): readonly Scope[] {
  if (scope === undefined) return [];
  return aboutProcess === undefined ? [scope] : [scope, "process"];
}

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
export const OPTION_ROWS: readonly (readonly [OptionName, OptionRow])[] = optionNames().map(
  (name) => [name, OPTIONS[name]] as const,
);

/** A group of options under one title, for help and the manual page. */
export interface OptionGroup {
  readonly title: string;
  readonly rows: typeof OPTION_ROWS;
}

/** All rows in groups, in the table's order. */
export const OPTION_GROUPS: readonly OptionGroup[] = [
  group("Source", SOURCE_ROWS),
  group("Times", TIME_ROWS),
  group("Limits", LIMIT_ROWS),
  group("Clients", CLIENT_ROWS),
  group("Log, status and metrics", OBSERVATION_ROWS),
  group("Process", PROCESS_ROWS),
  group("Units", UNITS_ROWS),
  group("Status", STATUS_ROWS),
  group("Demo", DEMO_ROWS),
  group("General", GENERAL_ROWS),
];

/** Completes the values that were given: each option that was not given gets its default. */
export function completeValues(given: Partial<Record<OptionName, unknown>>): OptionValues {
  const values: Record<string, unknown> = {};
  for (const [name, row] of OPTION_ROWS) {
    const fallback = row.metavar === undefined ? false : row.default;
    const value = given[name] ?? fallback;
    if (value !== undefined) values[name] = value;
  }
  // The cast is needed because TypeScript loses the type of each row's value in a loop over the
  // rows.
  return values as unknown as OptionValues;
}

/**
 * Reads the value of an option in a configuration file.
 *
 * @throws {InvalidValue}
 */
export function readOption(name: OptionName, written: unknown): unknown {
  const row: OptionRow = OPTIONS[name];
  return row.metavar === undefined ? YES_OR_NO.read(written) : row.read(written);
}

/**
 * Returns the values, as text, of the options for which `isMeant` returns true. The keys are the
 * options' names on the command line. An option that was not given has the default that help shows;
 * if help shows no default, the option is left out.
 *
 * @param given - returns the text of an option's value, or undefined if the option was not given
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

/**
 * The description of an option, in a few sentences. `scope` chooses the description for one relay
 * or for the whole process. `write` returns the spelling of another option that the description
 * mentions.
 */
export function aboutOption(
  name: OptionName,
  write: (name: OptionName) => string,
  scope?: Scope,
): string {
  const { about, aboutProcess = about }: OptionRow = OPTIONS[name];
  return (scope === "process" ? aboutProcess : about).replace(
    /\{(\w+)\}/g,
    (whole, other: string) => (isOptionName(other) ? write(other) : whole),
  );
}

/** Whether the help of a command lists an option by its name only, without its description. */
export function isListedWithoutHelp(row: OptionRow, command: CommandName): boolean {
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

function group(title: string, rows: OptionRows): OptionGroup {
  return { title, rows: OPTION_ROWS.filter(([name]) => Object.hasOwn(rows, name)) };
}

function optionNames(): OptionName[] {
  return Object.keys(OPTIONS).filter(isOptionName);
}

function isOptionName(key: string): key is OptionName {
  return Object.hasOwn(OPTIONS, key);
}
