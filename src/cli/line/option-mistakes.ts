import { quote } from "../../address/quote-word.ts";
import type { CommandName } from "../../options/commands.ts";
import { nearest } from "../../options/did-you-mean.ts";
import type { OptionRow } from "../../options/option-row.ts";
import { flagOf, OPTION_ROWS, takes, type OptionName } from "../../options/option-table.ts";
import { checkEncoding } from "./check-encoding.ts";
import { nameOf } from "./find-command.ts";
import { UsageError } from "./usage-error.ts";

/** The options by their names on the command line, without dashes. */
export const rowsByFlag = new Map<string, readonly [OptionName, OptionRow]>(
  OPTION_ROWS.map(([name, row]) => [flagOf(name), [name, row]]),
);

interface OptionToken {
  readonly rawName: string;
  readonly value: string | undefined;
  readonly inlineValue: boolean | undefined;
}

/**
 * Returns the value of an option on the command line; true for an option that takes no value.
 *
 * @throws {UsageError} if the value is missing, or if the option takes none
 */
export function readOption(
  row: OptionRow,
  { rawName, value, inlineValue }: OptionToken,
): string | true {
  if (row.metavar === undefined) {
    if (inlineValue) throw new UsageError(`${rawName} takes no value`);
    return true;
  }
  // A value that starts with a dash is usually the next option: the user forgot the value.
  if (value === undefined || value === "" || (!inlineValue && value.startsWith("-")))
    throw new UsageError(`${rawName} lacks its value: ${rawName}=${row.metavar}`);
  checkEncoding(rawName, value);
  return value;
}

/**
 * Refuses a word such as `yes` after an option that takes no value, as in `--access-log yes`,
 * because the word would be taken for an address. `before` is the argument before the word.
 */
export function checkNoValue(word: string, before: string | undefined): void {
  if (before === undefined || !/^(yes|no|true|false|on|off)$/i.test(word)) return;
  const [, row] = rowsByFlag.get(before.replace(/^--/, "")) ?? [];
  if (before.startsWith("--") && row !== undefined && row.metavar === undefined)
    throw new UsageError(`${before} takes no value: leave out ${quote(word)}`);
}

/**
 * Returns the value of an option after one more occurrence. At the first occurrence (`before` is
 * undefined) the result is `value`. After that, commas join the values of a list.
 *
 * @throws {UsageError} if an option that takes no list is repeated
 */
export function joinRepeated(
  before: string | true | undefined,
  value: string | true,
  row: OptionRow,
  rawName: string,
): string | true {
  if (before === undefined) return value;
  if (row.metavar === undefined || row.isList !== true)
    throw new UsageError(`${rawName} is given more than once`);
  return `${before},${value}`;
}

/**
 * The error for an option that does not exist. Suggests an option of the command with a similar
 * name, if there is one. If `--no-NAME` is an option, the error for `--NAME` says that `--NAME` is
 * the default.
 */
export function unknownOption(arg: string, command: CommandName): UsageError {
  const [option = arg] = arg.split("=");
  if (rowsByFlag.has(option.replace(/^--/, "no-")))
    return new UsageError(`${quote(option)} is the default: leave it out`);
  const own = OPTION_ROWS.filter(([name]) => takes(command, name)).map(([name]) => flagOf(name));
  const meant = nearest(option, own);
  return new UsageError(
    `there is no option ${quote(option)}${meant === undefined ? "" : `; did you mean --${meant}?`}`,
  );
}

/**
 * Checks that the given options belong to the command.
 *
 * @throws {UsageError} for the first option of another command
 */
export function checkBelongs(
  command: CommandName,
  given: ReadonlyMap<OptionName, string | true>,
): void {
  for (const [name, { commands }] of OPTION_ROWS) {
    if (given.has(name) && !takes(command, name))
      throw new UsageError(
        `--${flagOf(name)} is not an option of ${nameOf(command)}, ` +
          `but of ${commands.map(nameOf).join(" and ")}`,
      );
  }
}
