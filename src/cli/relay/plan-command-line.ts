import { printAddress } from "../../address/address.ts";
import { loadConfig } from "../../config/load-config.ts";
import { processWide, relaySettings } from "../../config/plan-values.ts";
import type { PlacedOption } from "../../config/read-options.ts";
import { flagOf, OPTION_ROWS, type OptionName } from "../../options/option-table.ts";
import type { ProcessPlan } from "../../process/process-plan.ts";
import {
  checkAdminFile,
  checkSource,
  readGiven,
  readValues,
  shownOptions,
} from "../line/option-values.ts";
import { checkDistinct, readAddresses } from "../line/read-addresses.ts";
import type { CommandLine, GivenOptions } from "../line/read-command-line.ts";
import { UsageError } from "../line/usage-error.ts";

/**
 * The plan of a command line: its one relay, or the relays of the file that `--config` names.
 *
 * @throws {UsageError}
 * @throws {ConfigError} if the file is wrong
 */
export function planCommandLine({ given, words }: CommandLine): ProcessPlan {
  const values = readValues("relay", given);
  if (values.config !== undefined) return loadConfig(values.config, overridesOf(given));
  const addresses = readAddresses(words);
  checkDistinct(addresses, values);
  checkSource(values, addresses.source);
  checkAdminFile(values);
  const { source, destination } = addresses;
  const relay = {
    name: values.name ?? printAddress(source),
    ...{ source, destination },
    settings: relaySettings(values),
    shownOptions: shownOptions("relay", given),
  };
  return { processWide: processWide(values), relays: [relay] };
}

/**
 * The options on the command line beside `--config`. They concern the whole process and override
 * the file.
 */
function overridesOf(given: GivenOptions): ReadonlyMap<OptionName, PlacedOption> {
  return new Map(
    OPTION_ROWS.flatMap(([name, { scope }]) => {
      const text = given[flagOf(name)];
      if (text !== undefined && name === "name")
        throw new UsageError("--name concerns one relay: its name in the file is [relay.NAME]");
      if (text === undefined || scope === undefined) return [];
      if (scope === "relay")
        throw new UsageError(
          `--${flagOf(name)} concerns one relay: write ${flagOf(name)} into the file`,
        );
      return [[name, { value: readGiven(name, text), shown: String(text), at: null }] as const];
    }),
  );
}
