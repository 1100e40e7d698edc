import { parseArgs } from "node:util";
import { COMMANDS, type CommandName, NAMED_COMMANDS, wordsOf } from "../../options/commands.ts";
import { flagOf, OPTION_ROWS, takes, type OptionName } from "../../options/option-table.ts";
import type { OptionRow } from "../../options/option-row.ts";
import { UsageError } from "./usage-error.ts";
import { quote } from "../../address/quote.ts";
import { lacksPort } from "../../address/near-miss.ts";
import { InvalidValue } from "../../options/invalid-value.ts";
import { nearest } from "../../options/did-you-mean.ts";

/** SOURCE as standard input and output. */
export const STANDARD_IO = "-";

/** A command line whose shape is valid. The values of its options are not read yet. */
export interface CommandLine {
  readonly command: CommandName;
  /** Help or version, if the user asked for it instead of the command's work. */
  readonly asks: "help" | "version" | undefined;
  readonly given: GivenOptions;
  /** The words that are not options, without the command's name. */
  readonly words: readonly string[];
}

/**
 * The options that were given, by their names on the command line. An option with a value has its
 * text, an option without a value has true. Repeated list options have their texts joined by
 * commas.
 */
export type GivenOptions = Readonly<Record<string, string | true>>;

const rowsByFlag = new Map<string, readonly [OptionName, OptionRow]>(
  OPTION_ROWS.map(([name, row]) => [flagOf(name), [name, row]]),
);

/**
 * Parses the command line and checks its shape. Every option exists, belongs to the command, has a
 * value exactly if it needs one, and is given once unless it is a list. No word is missing, and
 * none is too many. Nothing else parses the command line.
 *
 * With `--help` or `--version` the words may be anything.
 *
 * @throws {UsageError} for the first mistake
 */
export function readCommandLine(args: readonly string[]): CommandLine {
  const tokens = tokensOf(args);
  const given = new Map<OptionName, string | true>();
  const words: string[] = [];
  const swallowed: SwallowedWord[] = [];
  let terminated = false;
  // A first word after `--` is always an address, never the name of a command.
  let firstIsAddress = false;
  for (const token of tokens) {
    if (token.kind === "option-terminator") terminated = true;
    else if (token.kind === "positional") {
      checkNoValue(token.value, args[token.index - 1]);
      if (words.length === 0) firstIsAddress = terminated;
      words.push(token.value);
    } else {
      const found = rowsByFlag.get(token.name);
      if (!found) throw unknownOption(args[token.index] ?? token.rawName, commandNamed(args));
      const [name, row] = found;
      const value = readOption(row, token);
      given.set(name, join(given.get(name), value, row, token.rawName));
      if (value !== true && !token.inlineValue)
        swallowed.push({ option: token.rawName, row, value });
    }
  }
  const asksOnly = given.has("help") || given.has("version");
  const command = commandOf(words[0], firstIsAddress, asksOnly);
  if (command !== "relay") words.shift();
  checkOptions(command, given);
  if (!asksOnly) checkWords(command, words, given.has("config"), swallowed);
  const asks = given.has("help") ? "help" : given.has("version") ? "version" : undefined;
  return { command, asks, given: byFlag(given), words };
}

/** The command that a command line names, also if the line has mistakes. */
export function commandNamed(args: readonly string[]): CommandName {
  const [first] = tokensOf(args).filter(({ kind }) => kind !== "option");
  const word = first?.kind === "positional" ? first.value : undefined;
  return NAMED_COMMANDS.find((name) => name === word) ?? "relay";
}

function tokensOf(args: readonly string[]) {
  const { tokens } = parseArgs({
    args: [...args],
    options: parserOptions(),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  return tokens;
}

/** An option's value that was written as a word of its own, without `=`. */
interface SwallowedWord {
  /** The option as the user wrote it. */
  readonly option: string;
  readonly row: OptionRow;
  readonly value: string;
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
  return value;
}

/** Refuses `--access-log yes`: the word would be taken for an address. */
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

function commandOf(word: string | undefined, isAddress: boolean, asksOnly: boolean): CommandName {
  if (word === undefined || isAddress || looksLikeAddress(word)) return "relay";
  const command = NAMED_COMMANDS.find((name) => name === word);
  if (command !== undefined) return command;
  // `--help ./x` asks about a relay, but `unit --help` asks about a mistyped command.
  if (asksOnly && nearest(word, NAMED_COMMANDS) === undefined) return "relay";
  throw unknownCommand(word);
}

function unknownCommand(word: string): UsageError {
  if (word === "relay")
    return new UsageError('a relay is the default command: leave out the word "relay"');
  const meant = nearest(word, NAMED_COMMANDS);
  if (meant !== undefined)
    return new UsageError(`${quote(word)} is not a command; did you mean ${meant}?`);
  if (word.endsWith(".toml"))
    return new UsageError(`${quote(word)} is a file, not an address; write --config=${word}`);
  const isPlain = /^[\w.-]+$/.test(word);
  return new UsageError(
    `${quote(word)} is neither a command (${NAMED_COMMANDS.join(", ")}) ` +
      `nor an address (./${isPlain ? word : "PATH"}, ${isPlain ? word : "HOST"}:PORT)`,
  );
}

function looksLikeAddress(word: string): boolean {
  return ["", STANDARD_IO, "systemd"].includes(word) || /^@|[/:]/.test(word) || lacksPort(word);
}

function nameOf(command: CommandName): string {
  return command === "relay" ? "a relay" : command;
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

function checkWords(
  command: CommandName,
  words: readonly string[],
  hasFile: boolean,
  swallowed: readonly SwallowedWord[],
): void {
  // With --config the file has the addresses.
  const wanted = hasFile ? [] : wordsOf(command);
  const missing = (hasFile ? [] : COMMANDS[command].words).slice(words.length);
  if (missing.length > 0) {
    const verb = missing.length > 1 ? "are" : "is";
    throw new UsageError(`${missing.join(" and ")} ${verb} missing${swallower(swallowed)}`);
  }
  const extra = words[wanted.length];
  if (extra !== undefined)
    throw new UsageError(
      `${quote(extra)} is one word too many for ${nameOf(command)}${hasFile ? " with --config: the file has the addresses" : ""}`,
    );
}

/** Names the option that took a word which the user may have meant for the command. */
function swallower(swallowed: readonly SwallowedWord[]): string {
  const taken = swallowed.find(({ value, row }) => /^@|[/:]/.test(value) || !fits(value, row));
  if (taken === undefined) return "";
  const { option, row, value } = taken;
  return `: ${option} took ${quote(value)} as its value; write ${option}=${row.metavar}`;
}

function fits(value: string, row: OptionRow): boolean {
  if (row.metavar === undefined) return false;
  try {
    row.parse(value);
    return true;
  } catch (error) {
    if (error instanceof InvalidValue) return false;
    throw error;
  }
}

function byFlag(given: ReadonlyMap<OptionName, string | true>): GivenOptions {
  return Object.fromEntries([...given].map(([name, value]) => [flagOf(name), value]));
}
