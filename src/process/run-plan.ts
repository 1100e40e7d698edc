import { inNetwork, printAddress } from "../address/address.ts";
import type { Log } from "../observe/log/log.ts";
import { HandoverError } from "./handover/handover-error.ts";
import { handoverRequest } from "./handover/handover-variable.ts";
import type { Predecessor } from "./handover/predecessor.ts";
import type { ProcessPlan } from "./process-plan.ts";
import { logOf } from "./log-of-relay.ts";
import { RunningProcess } from "./running-process.ts";
import { exitStatus, failuresOf, type StartFailure } from "./start-error.ts";

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
      predecessor.refuse(
        failures.map((failure) => reasonOf(failure, plan, predecessor)).join("; "),
      );
    else
      for (const { plan: failed, error: reason } of failures) {
        const { message, address, code } = reason;
        const own = failed === null ? log : logOf(failed, log);
        own.error(message, { event: "failed", address, code });
      }
    return exitStatus(failures);
  }
}

/**
 * Returns the reason why this process cannot take over from its predecessor. If the predecessor's
 * own socket takes the address, the reason says so, because the error alone looks as if another
 * program had the address.
 */
function reasonOf(
  { plan: failed, error }: StartFailure,
  { processWide: { admin, metrics } }: ProcessPlan,
  predecessor: Predecessor,
): string {
  const { code, address, message } = error;
  if (code !== "EADDRINUSE") return message;
  const wanted =
    failed === null
      ? [admin, metrics].find((server) => server !== undefined && printAddress(server) === address)
      : inNetwork(failed.source, failed.settings.sourceNetns);
  if (wanted === undefined || wanted.kind === "systemd" || wanted.kind === "fd") return message;
  const bound = predecessor.inTheWayOf(wanted);
  if (bound === null) return message;
  return (
    `cannot listen on ${address}: this relay itself listens on ${printAddress(bound)}, and a ` +
    `reload cannot have both open at once (${code}); restart the relay instead`
  );
}

/** Returns the predecessor of this process; null if this process was not started for a handover. */
async function meetPredecessor(): Promise<Predecessor | null> {
  if (handoverRequest === null) return null;
  return await (await import("./handover/predecessor.ts")).meetPredecessor();
}
