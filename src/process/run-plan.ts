import type { Log } from "../observe/log/log.ts";
import { HandoverError } from "./handover/handover-error.ts";
import { handoverRequest } from "./handover/handover-variable.ts";
import type { Predecessor } from "./handover/predecessor.ts";
import type { ProcessPlan } from "./process-plan.ts";
import { logOf } from "./log-of-relay.ts";
import { RunningProcess } from "./running-process.ts";
import { exitStatus, failuresOf } from "./start-error.ts";

/**
 * Runs the relays of a plan until the process is asked to stop, until no connection was open for
 * `exitIdleTime`, or until a successor has taken over and the last connection of this process has
 * ended.
 *
 * Returns the exit status: 0 after a normal end, 78 if a relay or a server could not start and the
 * same failure would happen at the next start, 1 after any other failed start. A process that
 * handed over and stayed as the parent of its successors returns the exit status of the newest
 * successor. The log has the reason of a failure; during a handover, the predecessor's log has the
 * reason.
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
    return exitStatus(failures);
  }
}

/** Returns the predecessor of this process; null if this process was not started for a handover. */
async function meetPredecessor(): Promise<Predecessor | null> {
  if (handoverRequest === null) return null;
  return await (await import("./handover/predecessor.ts")).meetPredecessor();
}
