import type { CommandName } from "../../options/commands.ts";

interface UsageErrorOptions extends ErrorOptions {
  /** The command whose help explains the mistake, if it was known. */
  readonly command?: CommandName;
}

/** A command line that is not valid. The message is one line that names the mistake. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly command: CommandName | undefined;

  constructor(message: string, { command, ...options }: UsageErrorOptions = {}) {
    super(message, options);
    this.command = command;
  }
}
