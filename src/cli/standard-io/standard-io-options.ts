import { flagOf, OPTION_ROWS, type OptionName } from "../../options/option-table.ts";
import type { GivenOptions } from "../line/parse-command-line.ts";
import { UsageError } from "../line/usage-error.ts";

/** The options that make sense if the relay has a single client, which is already connected. */
const SENSIBLE: ReadonlySet<OptionName> = new Set<OptionName>([
  "accessLog",
  "capture",
  "captureBytes",
  "captureMax",
  "connectRetry",
  "connectTimeout",
  "destinationNetns",
  "halfCloseTimeout",
  "idleTimeout",
  "keepalive",
  "logFormat",
  "logLevel",
  "name",
  "proxyProtocol",
]);

/**
 * Refuses options that make sense only for a source that accepts clients. For example, access rules
 * would protect nothing if standard input and output are the only client.
 *
 * @throws {UsageError}
 */
export function checkStandardIoOptions(given: GivenOptions): void {
  for (const [name] of OPTION_ROWS)
    if (given[flagOf(name)] !== undefined && !SENSIBLE.has(name))
      throw new UsageError(
        `--${flagOf(name)} makes no sense if SOURCE is -: standard input and output are the only client`,
      );
}
