import { quote } from "../../address/quote.ts";
import { COMMANDS, type CommandName, wordsOf } from "../../options/commands.ts";
import { InvalidValue } from "../../options/invalid-value.ts";
import type { OptionRow } from "../../options/option-row.ts";
import { nameOf } from "./command-of.ts";
import { UsageError } from "./usage-error.ts";

/** An option's value that was written as a word of its own, without `=`. */
export interface SwallowedWord {
  /** The option as the user wrote it. */
  readonly option: string;
  readonly row: OptionRow;
  readonly value: string;
}

/**
 * Refuses a command line that lacks a word of its command, or has one too many.
 *
 * @param hasFile - whether `--config` names a file, which has the addresses
 * @throws {UsageError}
 */
export function checkWords(
  command: CommandName,
  words: readonly string[],
  hasFile: boolean,
  swallowed: readonly SwallowedWord[],
): void {
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
