import { quote } from "../../address/quote-word.ts";
import { UsageError } from "./usage-error.ts";

/**
 * Refuses an argument or an option's value that was not valid UTF-8. The runtime has already
 * replaced the invalid bytes by U+FFFD, so a path with this character would name another file.
 *
 * @param name - the argument or the option, as the message names it
 * @throws {UsageError}
 */
export function checkEncoding(name: string, text: string): void {
  if (text.includes("\ufffd"))
    throw new UsageError(
      `${name} ${quote(text)}: not valid UTF-8, or contains U+FFFD, which stands for such bytes`,
    );
}
