import { COMMAND_NAMES, type CommandName } from "../../options/commands.ts";
import { nearest } from "../../options/did-you-mean.ts";
import { quote } from "../../address/quote-word.ts";
import { mayPaint, style } from "../../observe/log/terminal-style.ts";
import type { CommandLine } from "../line/parse-command-line.ts";
import { UsageError } from "../line/usage-error.ts";
import { writeAnswer } from "../line/write-output.ts";
import { explainRelay } from "./explain-relay.ts";
import { helpScreen } from "./help-screen.ts";

/**
 * Explains the command that the argument names. Without an argument, prints the same text as
 * `--help`.
 */
export async function runHelp({ args: [word] }: CommandLine): Promise<number> {
  const look = style(mayPaint(1));
  if (word === undefined) return await writeAnswer(helpScreen("relay", look));
  const command = commandOf(word);
  const text = command === "relay" ? explainRelay(look) : helpScreen(command, look);
  return await writeAnswer(text);
}

function commandOf(word: string): CommandName {
  const command = COMMAND_NAMES.find((name) => name === word);
  if (command !== undefined) return command;
  const meant = nearest(word, COMMAND_NAMES);
  throw new UsageError(
    `${quote(word)} is not a command (${COMMAND_NAMES.join(", ")})` +
      (meant === undefined ? "" : `; did you mean ${meant}?`),
  );
}
