import { quote } from "../../address/quote-word.ts";
import { COMMANDS, type CommandName, argumentsOf } from "../../options/commands.ts";
import { InvalidValue } from "../../options/invalid-value-error.ts";
import type { OptionRow } from "../../options/option-row.ts";
import { nameOf } from "./find-command.ts";
import { UsageError } from "./usage-error.ts";

/**
 * An option whose value stands after a space and not after `=`. The value may be a mistake: if the
 * user forgot the value, the option took the next argument as its value, for example SOURCE.
 */
export interface SwallowedArgument {
  /** The option's name as the user wrote it, with its dashes. */
  readonly option: string;
  readonly row: OptionRow;
  readonly value: string;
}

/**
 * Refuses a command line that lacks an argument of its command, such as SOURCE, or that has too
 * many arguments.
 *
 * @param hasFile - whether `--config` names a file. The file contains the addresses, so the command
 *   line must not contain them
 * @throws {UsageError}
 */
export function checkArgumentCount(
  command: CommandName,
  args: readonly string[],
  hasFile: boolean,
  swallowed: readonly SwallowedArgument[],
): void {
  const wanted = hasFile ? [] : argumentsOf(command);
  const missing = (hasFile ? [] : COMMANDS[command].args).slice(args.length);
  if (missing.length > 0) {
    const verb = missing.length > 1 ? "are" : "is";
    throw new UsageError(`${missing.join(" and ")} ${verb} missing${swallower(swallowed)}`);
  }
  const extra = args[wanted.length];
  if (extra !== undefined)
    throw new UsageError(
      `${quote(extra)} is one argument too many for ${nameOf(command)}${hasFile ? " with --config: the file has the addresses" : ""}`,
    );
}

/**
 * Returns the end of the message about a missing argument: a text that names the option that
 * probably took the argument as its value. The text is empty if no option did.
 */
function swallower(swallowed: readonly SwallowedArgument[]): string {
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
