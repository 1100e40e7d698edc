import { printAddress } from "../address/address.ts";
import type { Log } from "../observe/log/log.ts";
import type { RelayPlan } from "./process-plan.ts";

/**
 * Returns the log of one relay. The text of its lines has the relay's name, unless the name equals
 * the source, because the name would then add nothing.
 */
export function logOf({ name, source }: RelayPlan, log: Log): Log {
  return log.named(name, name !== printAddress(source));
}
