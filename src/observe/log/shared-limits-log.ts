import type { Observer } from "../../relay/observer.ts";
import { formatBytes, formatDuration, formatNumberOf } from "../figures/print-figures.ts";
import { LimitWarnings, RAISE_OPEN_FILES } from "./limit-warnings.ts";
import type { Log } from "./log.ts";

/** The limits that all relays of a process share. */
export interface LimitsOfAllRelays {
  /** The maximum number of bytes that all connections together may hold. */
  readonly memoryMax: number;
  /**
   * True if the limit of open files sets the number of connections of all relays together; false if
   * an option sets it.
   */
  readonly isOfFiles: boolean;
}

/**
 * Logs when a limit that all relays of a process share is reached, and when this limit is no longer
 * reached. Give the same observer to all relays, because each relay may report the limit.
 */
export function sharedLimitsLog(
  log: Log,
  { memoryMax, isOfFiles }: LimitsOfAllRelays,
): Partial<Observer> {
  const limitOfAll = isOfFiles ? "open_files" : "all_relays";
  const shared = new LimitWarnings((milliseconds) => {
    log.info(
      "clients of every relay are accepted again: all relays together were at the limit of " +
        `connections for ${formatDuration(milliseconds / 1_000)}`,
      { event: "accepting_again", limit: limitOfAll, full_ms: Math.round(milliseconds) },
    );
  });
  const memory = new LimitWarnings((milliseconds) => {
    log.info(
      "clients are accepted again: all connections together were at the limit of " +
        `${formatBytes(memoryMax)} for ${formatDuration(milliseconds / 1_000)}`,
      { event: "accepting_again", limit: "memory", full_ms: Math.round(milliseconds) },
    );
  });
  const descriptors = new LimitWarnings((milliseconds) => {
    log.info(
      "clients are accepted again: no descriptor was left for " +
        formatDuration(milliseconds / 1_000),
      { event: "accepting_again", limit: "open_files", full_ms: Math.round(milliseconds) },
    );
  });
  return {
    full(open, limit) {
      if (limit === "memory" && memory.warnsNow()) warnOfMemory(log, memoryMax);
      if (limit === "descriptors" && descriptors.warnsNow()) warnOfDescriptors(log);
      if (limit !== "shared" || !shared.warnsNow()) return;
      log.warn(
        `${formatNumberOf(open, "connection")} open in all relays, the limit: further clients of every relay ` +
          `wait (${isOfFiles ? RAISE_OPEN_FILES : "connections-max at the top of the file"})`,
        { event: "full", limit: limitOfAll, open },
      );
    },
    acceptingPaused(reason, change) {
      if (reason === "shared") shared.paused(change);
      if (reason === "memory") memory.paused(change);
      if (reason === "descriptors") descriptors.paused(change);
    },
    draining() {
      shared.cancel();
      memory.cancel();
      descriptors.cancel();
    },
  };
}

function warnOfDescriptors(log: Log): void {
  log.warn(
    "no descriptor is left: further clients wait; raise the limit of open files (LimitNOFILE=, " +
      "ulimit -n), or fs.file-max if the whole system has none left",
    { event: "full", limit: "open_files" },
  );
}

function warnOfMemory(log: Log, memoryMax: number): void {
  log.warn(
    `all connections together hold ${formatBytes(memoryMax)}, the limit: further clients wait; either ` +
      "readers are slow or gone (--idle-timeout ends their connections), or the limit is low " +
      "(--memory-max)",
    { event: "full", limit: "memory", memory_max: memoryMax },
  );
}
