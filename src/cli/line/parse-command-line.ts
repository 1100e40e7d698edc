import { parseArgs } from "node:util";
import { type CommandName, NAMED_COMMANDS, argumentsOf } from "../../options/commands.ts";
import { flagOf, OPTION_ROWS, type OptionName } from "../../options/option-table.ts";
import { checkEncoding } from "./check-encoding.ts";
import { checkArgumentCount, type SwallowedArgument } from "./check-argument-count.ts";
import { findCommand } from "./find-command.ts";
import {
  checkBelongs,
  checkNoValue,
  joinRepeated,
  readOption,
  rowsByFlag,
  unknownOption,
} from "./option-mistakes.ts";

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
      given.set(name, joinRepeated(given.get(name), value, row, token.rawName));
      if (value !== true && !token.inlineValue)
        swallowed.push({ option: token.rawName, row, value });
    }
  }
  const asksOnly = given.has("help") || given.has("version");
  const command = findCommand(args[0], firstIsAddress, asksOnly);
  if (command !== "relay") args.shift();
  checkBelongs(command, given);
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

function byFlag(given: ReadonlyMap<OptionName, string | true>): GivenOptions {
  return Object.fromEntries([...given].map(([name, value]) => [flagOf(name), value]));
}
