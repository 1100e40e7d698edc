import { checkAddresses, readValues } from "../../../../src/cli/line/typed-option-values.ts";
import { readCommandLine } from "../../../../src/cli/line/parse-command-line.ts";
import { planUnits } from "../../../../src/cli/units/plan-units.ts";
import { readUnitAddresses } from "../../../../src/cli/units/read-unit-addresses.ts";

export const RUN = "/run/app/socket";
export const TCP = "127.0.0.1:8080";

/** The way of a command line of `units` to what it wants. */
export function read(...argv: readonly string[]) {
  const { command, given, args } = readCommandLine(["units", ...argv]);
  const values = readValues(command, given);
  const addresses = readUnitAddresses(args, values);
  checkAddresses(values, addresses);
  const { relays, ...plan } = planUnits(addresses, values, given, "/bin/relay");
  const [relay, ...others] = relays;
  if (relay === undefined || others.length > 0) throw new Error("one relay has one entry");
  return { ...plan, ...relay };
}
