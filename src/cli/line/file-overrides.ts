import { flagOf, OPTION_ROWS, type OptionName } from "../../options/option-table.ts";
import { readGiven } from "./option-values.ts";
import type { GivenOptions } from "./read-command-line.ts";
import { UsageError } from "./usage-error.ts";

/**
 * An option on the command line that overrides the file. `at` is null: the option has no place in
 * the file.
 */
interface Override {
  readonly value: unknown;
  readonly shown: string;
  readonly at: null;
}

/**
 * The options on the command line beside `--config`. They concern the whole process and override
 * the file.
 *
 * @throws {UsageError} for an option of one relay: it belongs into the file
 */
export function fileOverrides(given: GivenOptions): ReadonlyMap<OptionName, Override> {
  return new Map(
    OPTION_ROWS.flatMap(([name, { scope }]) => {
      const text = given[flagOf(name)];
      if (text === undefined || scope === undefined) return [];
      if (scope === "relay")
        throw new UsageError(
          `--${flagOf(name)} concerns one relay: write ${flagOf(name)} into the file`,
        );
      return [[name, { value: readGiven(name, text), shown: String(text), at: null }] as const];
    }),
  );
}
