import { addressesOfName, lacksPort } from "../../address/suggest-address.ts";
import { quote } from "../../address/quote-word.ts";
import { type CommandName, NAMED_COMMANDS } from "../../options/commands.ts";
import { nearest } from "../../options/did-you-mean.ts";
import { UsageError } from "./usage-error.ts";

/** The word for SOURCE that means standard input and output. */
export const STANDARD_IO = "-";

/**
 * Finds the command of a command line by its first word. If this word is an address, it is the
 * SOURCE of the default command `relay`.
 *
 * @param isAddress - whether the first word follows `--`, so that it is an address and not a
 *   command
 * @param asksOnly - whether the user asked for help or for the version
 * @throws {UsageError} if the first word is neither a command nor an address
 */
export function findCommand(
  word: string | undefined,
  isAddress: boolean,
  asksOnly: boolean,
): CommandName {
  if (word === undefined || isAddress || looksLikeAddress(word)) return "relay";
  const command = NAMED_COMMANDS.find((name) => name === word);
  if (command !== undefined) return command;
  // With `--help` or `--version`, an unknown word such as `x` is ignored. But `unit --help` is an
  // error, because `unit` is probably a mistyped command.
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
  const meantAddresses = addressesOfName(word);
  const forms = meantAddresses.length === 0 ? ["./PATH", "HOST:PORT"] : meantAddresses;
  return new UsageError(
    `${quote(word)} is neither a command (${NAMED_COMMANDS.join(", ")}) ` +
      `nor an address (${forms.join(", ")})`,
  );
}

function looksLikeAddress(word: string): boolean {
  return ["", STANDARD_IO, "systemd"].includes(word) || /^@|[/:]/.test(word) || lacksPort(word);
}

/** The name of a command in a message. */
export function nameOf(command: CommandName): string {
  return command === "relay" ? "a relay" : command;
}
