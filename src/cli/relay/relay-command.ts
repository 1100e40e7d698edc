import { createLog } from "../../observe/log/log.ts";
import { runPlan } from "../../process/run-plan.ts";
import { STANDARD_IO } from "../line/find-command.ts";
import type { CommandLine } from "../line/parse-command-line.ts";
import { planCommandLine } from "./plan-command-line.ts";

/**
 * The longest time, in milliseconds, that the process waits before it exits, so that the reader of
 * the log can take the last lines.
 */
const LAST_LINES_MS = 500;

/**
 * Runs the default command, which has no name on the command line. Returns the exit status after
 * the relays have stopped. With `-` as SOURCE the relay has one client, and stops when that client
 * has ended.
 */
export async function runRelay(line: CommandLine): Promise<number> {
  if (line.args[0] === STANDARD_IO) {
    const { relayStandardIo } = await import("../standard-io/relay-standard-io.ts");
    return await relayStandardIo(line);
  }
  const plan = await planCommandLine(line);
  const log = createLog(plan.processWide.logLevel, plan.processWide.logFormat);
  try {
    return await runPlan(plan, log);
  } finally {
    await log.flush(LAST_LINES_MS);
  }
}
