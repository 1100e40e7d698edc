import { createLog } from "../../observe/log/log.ts";
import { runPlan } from "../../process/run-plan.ts";
import { STANDARD_IO } from "../line/command-of.ts";
import type { CommandLine } from "../line/read-command-line.ts";
import { planCommandLine } from "./plan-command-line.ts";

/** How long the process waits at its end until the log's reader has taken the last lines. */
const LAST_LINES_MS = 500;

/**
 * The default command, which has no name on the command line: relays until it is asked to stop, or,
 * if SOURCE is `-`, until its one client is done.
 */
export async function runRelay(line: CommandLine): Promise<number> {
  if (line.words[0] === STANDARD_IO) {
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
