import type { Log } from "../observe/log/log.ts";
import { RelayError } from "../relay/error.ts";
import { HandoverError } from "./handover/handover-error.ts";
import { handoverRequest } from "./handover/handover-variable.ts";
import type { Predecessor } from "./handover/predecessor.ts";
import { NOT_PRIVATE } from "./require-private-network.ts";
import type { ProcessPlan } from "./process-plan.ts";
import { logOf } from "./log-of-relay.ts";
import { RunningProcess } from "./running-process.ts";
import { StartError, type StartFailure } from "./start-error.ts";

// The exit status for a failure that would happen again at the next start (sysexits(3)).
const EX_CONFIG = 78;

/**
 * The codes of errors that would happen again at each start: a system call is missing, or the
 * network namespace is not private although it must be.
 */
const PERMANENT: ReadonlySet<string> = new Set(["ENOSYS", NOT_PRIVATE]);

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
    return failures.some((failure) => PERMANENT.has(failure.error.code)) ? EX_CONFIG : 1;
  }
}

/**
 * Returns the failures that kept the process from starting; `plan` is null if the failure concerns
 * the whole process and not one relay. Returns an empty list if `error` is neither a `StartError`
 * nor a `RelayError`.
 */
function failuresOf(error: unknown): readonly StartFailure[] {
  if (error instanceof StartError) return error.failures;
  return error instanceof RelayError ? [{ plan: null, error }] : [];
}

/** Returns the predecessor of this process; null if this process was not started for a handover. */
async function meetPredecessor(): Promise<Predecessor | null> {
  if (handoverRequest === null) return null;
  return await (await import("./handover/predecessor.ts")).meetPredecessor();
}
