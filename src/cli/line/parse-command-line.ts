import { parseArgs } from "node:util";
import { type CommandName, NAMED_COMMANDS, argumentsOf } from "../../options/commands.ts";
import { flagOf, OPTION_ROWS, takes, type OptionName } from "../../options/option-table.ts";
import type { OptionRow } from "../../options/option-row.ts";
import { UsageError } from "./usage-error.ts";
import { quote } from "../../address/quote-word.ts";
import { checkEncoding } from "./check-encoding.ts";
import { checkArgumentCount, type SwallowedArgument } from "./check-argument-count.ts";
import { findCommand, nameOf } from "./find-command.ts";
import { nearest } from "../../options/did-you-mean.ts";

/**
 * A parsed command line. The command accepts each of the options, but the values of the options are
 * not checked yet. If `asks` is undefined, the command has the right number of arguments.
 */
export interface CommandLine {
  readonly command: CommandName;
  /** The text to print instead of running the command; undefined if the command runs. */
  readonly asks: "help" | "version" | undefined;
  readonly given: GivenOptions;
  /** The command's arguments, such as SOURCE, without options and without the command's name. */
  readonly args: readonly string[];
}

/**
 * The options that were given. The key is the option's name on the command line, without dashes.
 * The value is the text of an option that takes a value, and true for an option that takes none. If
 * a list option is repeated, commas join the texts.
 */
export type GivenOptions = Readonly<Record<string, string | true>>;

const rowsByFlag = new Map<string, readonly [OptionName, OptionRow]>(
  OPTION_ROWS.map(([name, row]) => [flagOf(name), [name, row]]),
);

/**
 * Parses the command line and checks its options and arguments. Refuses an option that does not
 * exist or does not belong to the command. Refuses an option that needs a value and has none, an
 * option that takes no value and has one, and a repeated option that is not a list. Refuses too few
 * and too many arguments, and text that is not UTF-8. No other file parses the command line.
 *
 * With `--help` or `--version` the number of arguments is not checked.
 *
 * @throws {UsageError} for the first mistake
 */
export function readCommandLine(argv: readonly string[]): CommandLine {
  const tokens = tokensOf(argv);
  const given = new Map<OptionName, string | true>();
  const args: string[] = [];
  const swallowed: SwallowedArgument[] = [];
  let terminated = false;
  // Whether the first word follows `--`. Such a word is always an address, never a command's name.
  let firstIsAddress = false;
  for (const token of tokens) {
    if (token.kind === "option-terminator") terminated = true;
    else if (token.kind === "positional") {
      checkNoValue(token.value, argv[token.index - 1]);
      if (args.length === 0) firstIsAddress = terminated;
      args.push(token.value);
    } else {
      const found = rowsByFlag.get(token.name);
      if (!found) throw unknownOption(argv[token.index] ?? token.rawName, commandNamed(argv));
      const [name, row] = found;
      const value = readOption(row, token);
      given.set(name, join(given.get(name), value, row, token.rawName));
      if (value !== true && !token.inlineValue)
        swallowed.push({ option: token.rawName, row, value });
    }
  }
  const asksOnly = given.has("help") || given.has("version");
  const command = findCommand(args[0], firstIsAddress, asksOnly);
  if (command !== "relay") args.shift();
  checkOptions(command, given);
  if (!asksOnly) checkArgumentCount(command, args, given.has("config"), swallowed);
  for (const [index, word] of args.entries())
    checkEncoding(argumentsOf(command)[index] ?? "argument", word);
  const asks = given.has("help") ? "help" : given.has("version") ? "version" : undefined;
  return { command, asks, given: byFlag(given), args };
}

/**
 * The command that a command line names; `relay` if it names no command. The command line may have
 * mistakes.
 */
export function commandNamed(argv: readonly string[]): CommandName {
  const [first] = tokensOf(argv).filter(({ kind }) => kind !== "option");
  const word = first?.kind === "positional" ? first.value : undefined;
  return NAMED_COMMANDS.find((name) => name === word) ?? "relay";
}

function tokensOf(argv: readonly string[]) {
  const { tokens } = parseArgs({
    args: [...argv],
    options: parserOptions(),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  return tokens;
}

function parserOptions() {
  return Object.fromEntries(
    OPTION_ROWS.map(([name, row]) => [
      flagOf(name),
      row.metavar === undefined
        ? { type: "boolean" as const, ...(row.short !== undefined && { short: row.short }) }
        : { type: "string" as const },
    ]),
  );
}

interface OptionToken {
  readonly rawName: string;
  readonly value: string | undefined;
  readonly inlineValue: boolean | undefined;
}

function readOption(row: OptionRow, { rawName, value, inlineValue }: OptionToken): string | true {
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
function checkNoValue(word: string, before: string | undefined): void {
  if (before === undefined || !/^(yes|no|true|false|on|off)$/i.test(word)) return;
  const [, row] = rowsByFlag.get(before.replace(/^--/, "")) ?? [];
  if (before.startsWith("--") && row !== undefined && row.metavar === undefined)
    throw new UsageError(`${before} takes no value: leave out ${quote(word)}`);
}

function join(
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

function unknownOption(arg: string, command: CommandName): UsageError {
  const [option = arg] = arg.split("=");
  if (rowsByFlag.has(option.replace(/^--/, "no-")))
    return new UsageError(`${quote(option)} is the default: leave it out`);
  const own = OPTION_ROWS.filter(([name]) => takes(command, name)).map(([name]) => flagOf(name));
  const meant = nearest(option, own);
  return new UsageError(
    `there is no option ${quote(option)}${meant === undefined ? "" : `; did you mean --${meant}?`}`,
  );
}

function checkOptions(command: CommandName, given: ReadonlyMap<OptionName, string | true>): void {
  for (const [name, { commands }] of OPTION_ROWS) {
    if (given.has(name) && !takes(command, name))
      throw new UsageError(
        `--${flagOf(name)} is not an option of ${nameOf(command)}, ` +
          `but of ${commands.map(nameOf).join(" and ")}`,
      );
  }
}

function byFlag(given: ReadonlyMap<OptionName, string | true>): GivenOptions {
  return Object.fromEntries([...given].map(([name, value]) => [flagOf(name), value]));
}
