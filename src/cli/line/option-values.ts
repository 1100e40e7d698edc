import type { Endpoint } from "../../address/address.ts";
import type { GivenOptions } from "./read-command-line.ts";
import { misfits } from "../../options/fit-source.ts";
import { UsageError } from "./usage-error.ts";
import { InvalidValue } from "../../options/invalid-value.ts";
import {
  flagOf,
  OPTION_ROWS,
  takes,
  type CommandName,
  type OptionName,
  type OptionValues,
  type ValueOption,
} from "../../options/option-table.ts";

/**
 * Reads the values of a command's options, defaults where none was given.
 *
 * @throws {UsageError} for the first value that makes no sense
 */
export function readValues(command: CommandName, given: GivenOptions): OptionValues {
  const values: Record<string, unknown> = {};
  for (const [name, row] of OPTION_ROWS) {
    const text = takes(command, name) ? given[flagOf(name)] : undefined;
    if (row.metavar === undefined) values[name] = text === true;
    else if (typeof text === "string") values[name] = parse(name, row, text);
    else if (row.default !== undefined) values[name] = row.default;
  }
  // The table's types say what each row's parser gives; a loop over its rows cannot.
  return values as unknown as OptionValues;
}

/**
 * A command's options as they stand, as on a command line: what was given, and the defaults that
 * have a text.
 */
export function showOptions(command: CommandName, given: GivenOptions): Record<string, string> {
  const shown: Record<string, string> = {};
  for (const [name, row] of rowsOf(command)) {
    const value = given[flagOf(name)];
    const text = row.metavar === undefined ? "" : (row.shownDefault ?? "");
    if (value === true) shown[flagOf(name)] = "true";
    else if (value !== undefined) shown[flagOf(name)] = value;
    else if (text !== "") shown[flagOf(name)] = text;
  }
  return shown;
}

/**
 * Refuses options that make no sense for this kind of source: `--mode` of a TCP port would protect
 * nothing.
 *
 * @throws {UsageError}
 */
export function checkSource(values: OptionValues, source: Endpoint): void {
  const [misfit] = misfits(values, source);
  if (misfit !== undefined)
    throw new UsageError(
      `--${flagOf(misfit.name)} makes sense only where SOURCE is ${misfit.needs}`,
    );
}

/**
 * Refuses permissions of an admin address that has no file: they would protect nothing.
 *
 * @throws {UsageError}
 */
export function checkAdminFile({ admin, adminMode, adminGroup }: OptionValues): void {
  if ((adminMode ?? adminGroup) === undefined || admin?.kind === "unix") return;
  const option = adminMode === undefined ? "--admin-group" : "--admin-mode";
  throw new UsageError(`${option} makes sense only where --admin is a Unix socket's path`);
}

function rowsOf(command: CommandName) {
  return OPTION_ROWS.filter(([name]) => takes(command, name));
}

function parse(name: OptionName, row: ValueOption<unknown>, text: string): unknown {
  try {
    return row.parse(text);
  } catch (error) {
    if (error instanceof InvalidValue)
      throw new UsageError(`--${flagOf(name)}: ${error.message}`, { cause: error });
    throw error;
  }
}
