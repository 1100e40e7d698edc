import type { Observer } from "../../relay/observer.ts";
import { formatBytes, formatNumberOf } from "../figures/print-figures.ts";
import type { Log } from "./log.ts";

// The least time between two warnings about the same limit. A busy relay reaches its limit of
// connections again and again, because connections end and begin all the time.
export const FULL_PAUSE_MS = 60_000;

/**
 * Logs when a limit is reached that all relays of a process share, at most once a minute for each
 * limit. Give the same observer to all relays, because any of them may report the limit.
 *
 * @param memoryMax - the maximum number of bytes that all connections together may hold
 */
export function sharedLimitsLog(log: Log, memoryMax: number): Partial<Observer> {
  const saidFull = { shared: -Infinity, memory: -Infinity };
  return {
    full(open, limit) {
      const now = performance.now();
      if (limit === "own" || now - saidFull[limit] < FULL_PAUSE_MS) return;
      saidFull[limit] = now;
      if (limit === "memory") return warnOfMemory(log, memoryMax);
      log.warn(
        `${formatNumberOf(open, "connection")} open in all relays, the limit: further clients of every relay ` +
          "wait (connections-max at the top of the file)",
        { event: "full", limit: "all_relays", open },
      );
    },
  };
}

function warnOfMemory(log: Log, memoryMax: number): void {
  log.warn(
    `all connections together hold ${formatBytes(memoryMax)}, the limit: further clients wait; either ` +
      "readers are slow, or the limit is low (--memory-max)",
    { event: "full", limit: "memory", memory_max: memoryMax },
  );
}
