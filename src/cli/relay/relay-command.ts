import { defineCommand } from "citty";
import { createLog } from "../../observe/log/log.ts";
import { runPlan } from "../../process/running-process.ts";
import { COMMANDS } from "../line/option-table.ts";
import { argumentsOf, checkSource, readValues, showOptions } from "../line/option-values.ts";
import { checkDistinct, readAddresses } from "../line/read-addresses.ts";
import { planOneRelay } from "./plan-one-relay.ts";

/** How long the end of the process waits for somebody to take the last lines of the log. */
const LAST_LINES_MS = 500;

/** The command that goes without a name: relays until it is asked to stop. */
export const relayCommand = defineCommand({
  meta: { name: "relay", description: COMMANDS.relay.summary },
  args: argumentsOf("relay"),
  async run({ args }): Promise<number> {
    const values = readValues("relay", args);
    const addresses = readAddresses(args._);
    checkDistinct(addresses, values.admin);
    checkSource(values, addresses.source);
    const plan = planOneRelay(addresses, values, showOptions("relay", args));
    const log = createLog(plan.processWide.logLevel, plan.processWide.logFormat);
    try {
      return await runPlan(plan, log);
    } finally {
      await log.flush(LAST_LINES_MS);
    }
  },
});
