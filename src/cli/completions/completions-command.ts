import { quote } from "../../address/quote-word.ts";
import { nearest } from "../../options/did-you-mean.ts";
import type { CommandLine } from "../line/parse-command-line.ts";
import { UsageError } from "../line/usage-error.ts";
import { writeAnswer } from "../line/write-output.ts";
import { SHELLS } from "./completion-model.ts";
import { completionScript } from "./completion-scripts.ts";

/** Prints the completion script for a shell. */
export async function runCompletions({ args: [word = ""] }: CommandLine): Promise<number> {
  const shell = SHELLS.find((name) => name === word);
  if (shell !== undefined) return await writeAnswer(completionScript(shell));
  const meant = nearest(word, SHELLS);
  throw new UsageError(
    `SHELL ${quote(word)} is not one of ${SHELLS.join(", ")}` +
      (meant === undefined ? "" : `; did you mean ${meant}?`),
  );
}
