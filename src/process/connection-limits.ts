import { connectionsMaxDefault, descriptorsOfRelays } from "../relay/listen/descriptor-budget.ts";
import { workerCount } from "../workers/worker-count.ts";
import { serverDescriptors } from "./admin-servers.ts";
import type { ProcessPlan, RelayPlan } from "./process-plan.ts";

/** As many connections as the limit of open files can carry. */
export function connectionsOfFiles({ processWide, relays }: ProcessPlan): number {
  const workers = workerCount(processWide.workers);
  const others = serverDescriptors(processWide) + descriptorsOfRelays(relays.length, workers);
  return connectionsMaxDefault(workers, others);
}

/** How the connections that a process can carry are shared by its relays. */
export interface ConnectionLimits {
  /** How many a relay may have open at once. */
  readonly of: (relay: RelayPlan) => number;
  /** Whether a relay may have no more because of the limit of open files; else somebody chose it. */
  readonly isOfFiles: (relay: RelayPlan) => boolean;
  /** How many all relays together may have open at once; null if their own limits say it all. */
  readonly together: number | null;
  /** What is asked for: by the process, or else by its relays, one for each without a wish. */
  readonly asked: number;
}

/**
 * Shares the connections that the limit of open files carries: a relay has what it asks for, and the
 * others have equal parts of the rest. The parts are fixed, so that a relay whose limit is reached takes
 * nothing from another one.
 *
 * If the process has a limit of its own, no parts are needed: a relay without a wish may have all of
 * it.
 *
 * @param most - how many the process can carry
 * @param wanted - the limit of all relays together that was asked for
 */
export function shareConnections(
  relays: readonly RelayPlan[],
  most: number,
  wanted?: number,
): ConnectionLimits {
  if (wanted !== undefined) {
    const isShared = relays.length > 1;
    const together = isShared ? Math.min(wanted, most) : wanted;
    return {
      of: ({ settings }) => Math.min(settings.connectionsMax ?? together, together),
      isOfFiles: () => false,
      together: isShared ? together : null,
      asked: wanted,
    };
  }
  const wishes = relays.map(({ settings }) => settings.connectionsMax);
  const wished = wishes.reduce<number>((sum, wish = 0) => sum + wish, 0);
  const sharing = wishes.filter((wish) => wish === undefined).length;
  const part = Math.max(1, Math.floor((most - wished) / Math.max(1, sharing)));
  return {
    of: ({ settings }) => settings.connectionsMax ?? part,
    isOfFiles: ({ settings }) => settings.connectionsMax === undefined,
    together: null,
    asked: wished + sharing,
  };
}
