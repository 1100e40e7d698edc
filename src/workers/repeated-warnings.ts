import type { Observer } from "../relay/observer.ts";

const MINUTE = 60_000;

/** The same observer, which hears a warning once a minute although each worker gives it. */
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
