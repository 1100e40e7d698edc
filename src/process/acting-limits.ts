import type { ConnectionLimit } from "../observe/log/event-log.ts";
import type { Observer, ReachedLimit } from "../relay/observer.ts";
import type { ConnectionLimits } from "./connection-limits.ts";
import type { RelayPlan } from "./process-plan.ts";

/** Maps each limit that a relay reports to the limit that is really reached (`actingLimits`). */
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
 * Returns, for each limit that a relay reports, the limit that is really reached. A relay gets its
 * connection limit as a plain number and reports it as `own`. But this number may also come from
 * the limit of all relays together (`shared`), or from the limit of open files (`descriptors`).
 *
 * `inLog` is for the log: it keeps `own` if the number comes from the limit of open files, because
 * the log then says how many connections the relay has. `inFigures` is for the status and the
 * metrics.
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

/**
 * Returns the limits that really act where a relay of the library reports a limit. The relay knows
 * only a number as its own limit, and this number can come from the limit of open files.
 */
export function actingLimitsOfLibrary(isOfFiles: boolean): ActingLimits {
  return { ...AS_REPORTED, own: isOfFiles ? "descriptors" : "own" };
}

/** Wraps an observer, so that its events name the limit that is really reached, by `acting`. */
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
