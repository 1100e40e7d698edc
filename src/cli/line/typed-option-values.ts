import type { Addresses } from "./read-addresses.ts";
import type { GivenOptions } from "./parse-command-line.ts";
import { adminMisfit } from "../../options/check-admin-options.ts";
import { contradictions } from "../../options/contradicting-options.ts";
import { findMisfits } from "../../options/check-source-options.ts";
import { UsageError } from "./usage-error.ts";
import { InvalidValue } from "../../options/invalid-value-error.ts";
import type { CommandName } from "../../options/commands.ts";
import {
  completeValues,
  flagOf,
  OPTION_ROWS,
  OPTIONS,
  showOptions,
  takes,
  type OptionName,
  type OptionValues,
} from "../../options/option-table.ts";
import type { OptionRow } from "../../options/option-row.ts";

/**
 * Reads the values of a command's options. An option that was not given gets its default. If it has
 * no default, the option is absent from the result.
 *
 * @throws {UsageError} for the first value that is not valid
 */
export function readValues(command: CommandName, given: GivenOptions): OptionValues {
  const values: Partial<Record<OptionName, unknown>> = {};
  for (const [name] of OPTION_ROWS) {
    const text = takes(command, name) ? given[flagOf(name)] : undefined;
    if (text !== undefined) values[name] = readGiven(name, text);
  }
  return completeValues(values);
}

/**
 * Returns the values of a command's options as text, for the status. An option that was not given
 * has the default that help shows; if help shows no default, the option is left out. The key is the
 * option's name on the command line.
 */
export function shownOptions(command: CommandName, given: GivenOptions): Record<string, string> {
  return showOptions(
    (name) => takes(command, name),
    (name) => given[flagOf(name)]?.toString(),
  );
}

/**
 * Refuses options that make no sense for this kind of source, and options that contradict each
 * other or the addresses. For example, `--mode` would protect nothing if SOURCE is a TCP port.
 *
 * @throws {UsageError}
 */
export function checkAddresses(values: OptionValues, { source, destination }: Addresses): void {
  const [misfit] = findMisfits(values, source);
  if (misfit !== undefined)
    throw new UsageError(`--${flagOf(misfit.name)} makes sense only if SOURCE is ${misfit.needs}`);
  const spell = (name: OptionName) => `--${flagOf(name)}`;
  const [contradiction] = contradictions(values, { source, destination }, spell);
  if (contradiction !== undefined)
    throw new UsageError(`${spell(contradiction.name)} ${contradiction.reason}`);
}

/**
 * Refuses `--admin-mode` and `--admin-group` if the admin address is not a Unix socket's path,
 * because the permissions would protect nothing.
 *
 * @throws {UsageError}
 */
export function checkAdminFile(values: OptionValues): void {
  const option = adminMisfit(values);
  if (option !== undefined)
    throw new UsageError(`--${flagOf(option)} makes sense only if --admin is a Unix socket's path`);
}

/**
 * Reads the value of one option.
 *
 * @throws {UsageError} if the value is not valid
 */
export function readGiven(name: OptionName, text: string | true): unknown {
  const row: OptionRow = OPTIONS[name];
  if (row.metavar === undefined || text === true) return true;
  try {
    return row.parse(text);
  } catch (error) {
    if (error instanceof InvalidValue)
      throw new UsageError(`--${flagOf(name)}: ${error.message}`, { cause: error });
    throw error;
  }
}
