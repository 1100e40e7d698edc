import type { RelayPlan } from "./process-plan.ts";

/** How the connections that a process can carry are shared by its relays. */
export interface ConnectionLimits {
  /** How many a relay may have open at once. */
  readonly of: (relay: RelayPlan) => number;
  /** What the relays ask for, those without a wish for one each. */
  readonly asked: number;
}

/**
 * Shares the connections that the limit of open files carries: a relay has what it asks for, and the
 * others have equal parts of the rest. The parts are fixed, so that a relay whose limit is reached takes
 * nothing from another one.
 *
 * @param most - how many the process can carry
 */
export function shareConnections(relays: readonly RelayPlan[], most: number): ConnectionLimits {
  const wishes = relays.map(({ settings }) => settings.connectionsMax);
  const wished = wishes.reduce<number>((sum, wish = 0) => sum + wish, 0);
  const sharing = wishes.filter((wish) => wish === undefined).length;
  const part = Math.max(1, Math.floor((most - wished) / Math.max(1, sharing)));
  return { of: ({ settings }) => settings.connectionsMax ?? part, asked: wished + sharing };
}
