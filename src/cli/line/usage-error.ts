/**
 * The error about a command line that is not valid. The message is one line that names the mistake.
 */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
