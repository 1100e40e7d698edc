import type { ConnectionLimit } from "../observe/log/event-log.ts";
import type { Observer, ReachedLimit } from "../relay/observer.ts";
import type { ConnectionLimits } from "./connection-limits.ts";
import type { RelayPlan } from "./process-plan.ts";

/** Maps a limit that a relay reports to the limit that really acts. */
export type ActingLimits = Readonly<Record<ReachedLimit, ReachedLimit>>;

const AS_REPORTED: ActingLimits = {
  own: "own",
  shared: "shared",
  memory: "memory",
  descriptors: "descriptors",
};

/**
 * Whether the limit of open files, and not an option, sets the limit of all relays together.
 *
 * @param wanted - the limit of all relays together that an option asks for
 */
export function isTogetherOfFiles({ together }: ConnectionLimits, wanted?: number): boolean {
  return together !== null && wanted !== undefined && together < wanted;
}

/**
 * Returns the limits that really act where a relay reports a limit. A relay knows only a number as
 * its own limit. This number can come from the limit of all relays together, or from the limit of
 * open files.
 *
 * `inLog` is for the log: it keeps the relay's own limit if the number comes from the limit of open
 * files, because the log then says how many connections the relay has. `inFigures` is for the
 * status and the metrics.
 *
 * @param wanted - the limit of all relays together that an option asks for
 */
export function actingLimits(
  { settings }: Pick<RelayPlan, "settings">,
  { connectionsMax, isOfFiles }: ConnectionLimit,
  limits: ConnectionLimits,
  wanted?: number,
): { readonly inLog: ActingLimits; readonly inFigures: ActingLimits } {
  const { connectionsMax: own = Infinity } = settings;
  const isOfAll = connectionsMax === (limits.together ?? wanted) && own > connectionsMax;
  const inLog: ActingLimits = { ...AS_REPORTED, own: isOfAll ? "shared" : "own" };
  return {
    inLog,
    inFigures: {
      ...inLog,
      ...(isOfFiles && { own: "descriptors" }),
      ...(isTogetherOfFiles(limits, wanted) && { shared: "descriptors" }),
    },
  };
}

/** Wraps an observer, so that the observer hears of the limits that really act. */
export function observeActingLimits(
  observer: Partial<Observer>,
  acting: ActingLimits,
): Partial<Observer> {
  const { full, acceptingPaused } = observer;
  return {
    ...observer,
    ...(full && { full: (open, limit) => full.call(observer, open, acting[limit]) }),
    ...(acceptingPaused && {
      acceptingPaused: (reason, change) => acceptingPaused.call(observer, acting[reason], change),
    }),
  };
}
