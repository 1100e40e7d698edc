import type { Observer } from "../relay/observer.ts";

const MINUTE = 60_000;

/**
 * Wraps an observer so that the observer gets the same warning at most once a minute, although
 * every worker sends the warning.
 */
export function onceAMinute(observer: Observer): Observer {
  const silentUntil = new Map<string, number>();
  return {
    ...observer,
    warning(message) {
      const now = performance.now();
      if (now < (silentUntil.get(message) ?? 0)) return;
      silentUntil.set(message, now + MINUTE);
      observer.warning(message);
    },
  };
}
