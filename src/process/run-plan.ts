import type { Log } from "../observe/log/log.ts";
import { RelayError } from "../relay/error.ts";
import { HandoverError } from "./handover/handover-error.ts";
import { handoverRequest } from "./handover/handover-variable.ts";
import type { Predecessor } from "./handover/predecessor.ts";
import { NOT_PRIVATE } from "./private-network.ts";
import type { ProcessPlan } from "./process-plan.ts";
import { logOf } from "./relay-log.ts";
import { RunningProcess } from "./running-process.ts";
import { StartError, type StartFailure } from "./start-error.ts";

// sysexits(3): another start would end the same way.
const EX_CONFIG = 78;

/** Codes of failures that stay: a system call that is not to be had, a network that is not private. */
const PERMANENT: ReadonlySet<string> = new Set(["ENOSYS", NOT_PRIVATE]);

/**
 * Runs the relays of a plan until the process is asked to stop, until nobody has used it for
 * `exitIdleTime`, or until another process has its place and its last connection has ended. Gives
 * the exit status: 1 if a relay or the admin server could not start, 78 if they never can; the log
 * then says why, or the process whose place this one was to take.
 */
export async function runPlan(plan: ProcessPlan, log: Log): Promise<number> {
  const predecessor = await meetPredecessor();
  await using running = new RunningProcess(plan, log, predecessor);
  try {
    return await running.run();
  } catch (error) {
    if (error instanceof HandoverError) {
      log.error(error.message, { event: "failed" });
      return 1;
    }
    const failures = failuresOf(error);
    if (failures.length === 0) throw error;
    if (predecessor !== null)
      predecessor.refuse(failures.map((failure) => failure.error.message).join("; "));
    else
      for (const { plan: failed, error: reason } of failures) {
        const { message, address, code } = reason;
        const own = failed === null ? log : logOf(failed, log);
        own.error(message, { event: "failed", address, code });
      }
    return failures.some((failure) => PERMANENT.has(failure.error.code)) ? EX_CONFIG : 1;
  }
}

/** What failed so that the process could not start, each with its relay if it is one's. */
function failuresOf(error: unknown): readonly StartFailure[] {
  if (error instanceof StartError) return error.failures;
  return error instanceof RelayError ? [{ plan: null, error }] : [];
}

/** The process whose place this one takes; null if anybody else started this one. */
async function meetPredecessor(): Promise<Predecessor | null> {
  if (handoverRequest === null) return null;
  return await (await import("./handover/predecessor.ts")).meetPredecessor();
}
