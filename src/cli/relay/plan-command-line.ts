import { printAddress } from "../../address/address.ts";
import { processWide, relaySettings } from "../../config/options-to-plan.ts";
import type { ProcessPlan } from "../../process/process-plan.ts";
import { fileOverrides } from "../line/file-overrides.ts";
import {
  checkAddresses,
  checkAdminFile,
  readValues,
  shownOptions,
} from "../line/typed-option-values.ts";
import { checkDistinct, readAddresses, STANDARD_IO_FORM } from "../line/read-addresses.ts";
import type { CommandLine } from "../line/parse-command-line.ts";
import { UsageError } from "../line/usage-error.ts";

/**
 * Returns the plan of the process: the relays to run, and their common options. The plan contains
 * the one relay of the command line, or the relays of the file that `--config` names.
 *
 * @throws {UsageError}
 * @throws {ConfigError} if the file cannot be read or has mistakes
 */
export async function planCommandLine({ given, args }: CommandLine): Promise<ProcessPlan> {
  const values = readValues("relay", given);
  if (values.config !== undefined) {
    if (values.name !== undefined)
      throw new UsageError("--name concerns one relay: its name in the file is [relay.NAME]");
    // Loaded on demand, so that a relay without a file starts faster: the parser of TOML is large.
    const { readConfigFile } = await import("../../config/read-config-file.ts");
    return readConfigFile(values.config, fileOverrides(given));
  }
  const addresses = readAddresses(args, STANDARD_IO_FORM);
  checkDistinct(addresses, values);
  checkAddresses(values, addresses);
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
