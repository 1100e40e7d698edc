import type { Endpoint } from "../../address/address.ts";
import { INSTANCE_PORT } from "../../systemd/units/specifiers.ts";
import { type Addresses, readAddresses } from "../line/read-addresses.ts";
import { ofAnyUser } from "./paths-for-any-user.ts";
import type { OptionValues } from "../../options/option-table.ts";

/**
 * Reads SOURCE and DESTINATION of units. Unlike on a relay's command line, a port may be `%i`,
 * which stands for the instance of a template. With `--user-unit`, this function writes `%t` in
 * place of this user's runtime folder and `%h` in place of the home folder, so that the units work
 * for any user.
 *
 * @throws {UsageError} if SOURCE or DESTINATION is not an address
 */
export function readUnitAddresses(
  args: readonly string[],
  { userUnit }: Pick<OptionValues, "userUnit">,
): Addresses {
  const [source = "", destination = ""] = args;
  // The parser needs a number, so replace `%i` by port 1 here. `withInstance` puts `%i` back.
  const read = readAddresses(args.map((word) => word.replace(INSTANCE, "$1:1")));
  const addresses = {
    source: withInstance(source, read.source),
    destination: withInstance(destination, read.destination),
  };
  if (!userUnit) return addresses;
  return {
    source: ofAnyUser(addresses.source),
    destination: ofAnyUser(addresses.destination),
  };
}

const INSTANCE = /^((?:tcp:)?(?:\[[^\]]*\]|[^:/@[]*)):%i$/i;

function withInstance<Kind extends Endpoint>(word: string, endpoint: Kind): Kind {
  return INSTANCE.test(word) ? { ...endpoint, port: INSTANCE_PORT } : endpoint;
}
