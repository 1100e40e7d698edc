import { createLog } from "../../observe/log/log.ts";
import { runPlan } from "../../process/running-process.ts";
import type { CommandLine } from "../line/read-command-line.ts";
import { planCommandLine } from "./plan-command-line.ts";

/** How long the end of the process waits for somebody to take the last lines of the log. */
const LAST_LINES_MS = 500;

/** The command that goes without a name: relays until it is asked to stop. */
export async function runRelay(line: CommandLine): Promise<number> {
  const plan = planCommandLine(line);
  const log = createLog(plan.processWide.logLevel, plan.processWide.logFormat);
  try {
    return await runPlan(plan, log);
  } finally {
    await log.flush(LAST_LINES_MS);
  }
}
