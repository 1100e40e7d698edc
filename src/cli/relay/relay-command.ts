import { createLog } from "../../observe/log/log.ts";
import { runPlan } from "../../process/run-plan.ts";
import { STANDARD_IO } from "../line/find-command.ts";
import type { CommandLine } from "../line/read-command-line.ts";
import { planCommandLine } from "./plan-command-line.ts";

/**
 * Before the process exits, it waits until the reader of the log has taken the last lines, but at
 * most for this time, in milliseconds.
 */
const LAST_LINES_MS = 500;

/**
 * The default command, which has no name on the command line. It relays until the process is asked
 * to stop or, if SOURCE is `-`, until its only client has ended.
 */
export async function runRelay(line: CommandLine): Promise<number> {
  if (line.args[0] === STANDARD_IO) {
    const { relayStandardIo } = await import("../standard-io/relay-standard-io.ts");
    return await relayStandardIo(line);
  }
  const plan = planCommandLine(line);
  const log = createLog(plan.processWide.logLevel, plan.processWide.logFormat);
  try {
    return await runPlan(plan, log);
  } finally {
    await log.flush(LAST_LINES_MS);
  }
}
