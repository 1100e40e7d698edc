import { flagOf, OPTION_ROWS, type OptionName, scopesOf } from "../../options/option-table.ts";
import { readGiven } from "./typed-option-values.ts";
import type { GivenOptions } from "./parse-command-line.ts";
import { UsageError } from "./usage-error.ts";

/** An option on the command line whose value replaces the value in the configuration file. */
interface Override {
  readonly value: unknown;
  readonly shown: string;
  /** The position in the configuration file; null, because the value is not from the file. */
  readonly at: null;
}

/**
 * The options of the whole process that stand on the command line beside `--config`. Their values
 * replace the file's values.
 *
 * @throws {UsageError} for an option of one relay, because only the file can set such an option
 */
export function fileOverrides(given: GivenOptions): ReadonlyMap<OptionName, Override> {
  return new Map(
    OPTION_ROWS.flatMap(([name, row]) => {
      const text = given[flagOf(name)];
      const scopes = scopesOf(row);
      if (text === undefined || scopes.length === 0) return [];
      if (!scopes.includes("process"))
        throw new UsageError(
          `--${flagOf(name)} concerns one relay: write ${flagOf(name)} into the file`,
        );
      return [[name, { value: readGiven(name, text), shown: String(text), at: null }] as const];
    }),
  );
}
