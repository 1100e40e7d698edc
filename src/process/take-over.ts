import type { AdminServers } from "./admin-and-metrics-servers.ts";
import type { Predecessor } from "./handover/predecessor.ts";
import type { RelaysOfProcess } from "./relays-of-process.ts";
import type { StopRequests } from "./stop-signals.ts";

/** The parts of this process that take part in the takeover. */
interface Front {
  readonly relays: RelaysOfProcess;
  readonly admin: AdminServers | null;
  readonly requests: Pick<StopRequests, "asked" | "askedAgain">;
}

/**
 * Accepts clients together with the predecessor. Returns true when the predecessor has reported
 * that it accepts no client any more. Returns false if this process was asked to stop before this
 * report, or if the predecessor gave the handover up. In these cases its relays have drained, and
 * the predecessor keeps the sockets.
 *
 * @throws {HandoverError} if the predecessor ends before the handover is complete.
 * @throws {RelayError} if the file of a Unix socket cannot be given the permissions of the plan.
 */
export async function takeOver(predecessor: Predecessor, front: Front): Promise<boolean> {
  const { relays, admin, requests } = front;
  try {
    predecessor.setPermissions();
    relays.accept();
    admin?.accept();
    if (await Promise.race([predecessor.take(), requests.asked.then(() => false)])) return true;
  } catch (error) {
    await giveBack(predecessor, front);
    throw error;
  }
  await giveBack(predecessor, front);
  return false;
}

/**
 * Drains this process, and leaves the claimed sockets and their files to the predecessor. A second
 * request to stop resets the connections that are still open.
 */
async function giveBack(
  predecessor: Predecessor,
  { relays, admin, requests }: Front,
): Promise<void> {
  const drained = Promise.all([
    relays.giveBack(),
    admin?.leave((_index, role, address) => !predecessor.hasClaimed(role, address)),
  ]);
  await Promise.race([drained, requests.askedAgain]);
  await relays.giveBack({ drainTimeout: 0 });
}
