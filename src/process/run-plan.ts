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
 * The codes of errors that another start cannot fix: a missing system call, and a network that is
 * not private.
 */
const PERMANENT: ReadonlySet<string> = new Set(["ENOSYS", NOT_PRIVATE]);

/**
 * Runs the relays of a plan until the process is asked to stop, until it has had no connection for
 * `exitIdleTime`, or until a successor has taken over and the last connection here has ended.
 *
 * Returns the exit status: 0 after a normal end, 1 if a relay or a server could not start, 78 if
 * this failure would happen again at the next start. A process that stayed as the parent of later
 * processes returns the status of the newest one. The reason of a failure is in the log; during a
 * handover, the reason is in the predecessor's log.
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
 * Returns the failures that kept the process from starting. A failure's `plan` is the relay that
 * failed; null if the failure concerns the whole process. Returns an empty list if `error` is
 * neither a `StartError` nor a `RelayError`.
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
