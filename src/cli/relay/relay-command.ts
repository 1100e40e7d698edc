import { createLog } from "../../observe/log/log.ts";
import { runPlan } from "../../process/running-process.ts";
import { checkAdminFile, checkSource, readValues, showOptions } from "../line/option-values.ts";
import { checkDistinct, readAddresses } from "../line/read-addresses.ts";
import type { CommandLine } from "../line/read-command-line.ts";
import { planOneRelay } from "./plan-one-relay.ts";

/** How long the end of the process waits for somebody to take the last lines of the log. */
const LAST_LINES_MS = 500;

/** The command that goes without a name: relays until it is asked to stop. */
export async function runRelay({ given, words }: CommandLine): Promise<number> {
  const values = readValues("relay", given);
  const addresses = readAddresses(words);
  checkDistinct(addresses, values.admin);
  checkSource(values, addresses.source);
  checkAdminFile(values);
  const plan = planOneRelay(addresses, values, showOptions("relay", given));
  const log = createLog(plan.processWide.logLevel, plan.processWide.logFormat);
  try {
    return await runPlan(plan, log);
  } finally {
    await log.flush(LAST_LINES_MS);
  }
}
