import type { AdminServers } from "./admin-servers.ts";
import type { Predecessor } from "./handover/predecessor.ts";
import type { RelayGroup } from "./relay-group.ts";
import type { StopRequests } from "./stop-signals.ts";

/** What a process accepts clients with. */
interface Front {
  readonly relays: RelayGroup;
  readonly admin: AdminServers | null;
  readonly requests: Pick<StopRequests, "asked" | "askedAgain">;
}

/**
 * Accepts clients beside the process that hands over, until that one accepts nobody any more. False
 * if this process was asked to stop before, and has stopped.
 *
 * @throws {HandoverError} if the other process ends before.
 * @throws {RelayError} if the file of a Unix socket cannot have the permissions of the plan.
 */
export async function takeOver(predecessor: Predecessor, front: Front): Promise<boolean> {
  const { relays, admin, requests } = front;
  try {
    predecessor.setPermissions();
    relays.accept();
    admin?.accept();
    const taken = predecessor.take().then(() => true);
    if (await Promise.race([taken, requests.asked.then(() => false)])) return true;
  } catch (error) {
    await giveBack(predecessor, front);
    throw error;
  }
  await giveBack(predecessor, front);
  return false;
}

/** Drains, and leaves the other process what is its own. */
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
