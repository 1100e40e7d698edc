import { printAddress } from "../address/address.ts";
import type { Log } from "../observe/log/log.ts";
import type { RelayPlan } from "./process-plan.ts";

/**
 * The log of one relay. A name that equals the source is left out of the text, because the name
 * would add nothing.
 */
export function logOf({ name, source }: RelayPlan, log: Log): Log {
  return log.named(name, name !== printAddress(source));
}
