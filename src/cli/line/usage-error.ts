/** A command line that makes no sense. The message is one line that names what is wrong. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
