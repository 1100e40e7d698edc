import type { Observation } from "../observe/figures/observe-process.ts";
import type { Log } from "../observe/log/log.ts";
import { heldTogether, type MemoryBound } from "../relay/limits/held-memory-limit.ts";
import { AdminServers, hasAdminServers } from "./admin-and-metrics-servers.ts";
import type { Predecessor } from "./handover/predecessor.ts";
import type { ProcessWide } from "./process-plan.ts";
import { warnOfOpenServers } from "./start-warnings.ts";

interface ServersNeeds {
  readonly processWide: ProcessWide;
  /**
   * The maximum number of open connections of all relays together; null if there is no such limit.
   */
  readonly connectionsMax: number | null;
  readonly memory: MemoryBound;
  readonly log: Log;
  readonly predecessor: Predecessor | null;
  /** Returns the number of threads that carry connections now. */
  readonly workers: () => number;
  /** Returns the number of open connections of earlier processes (`EarlierProcesses`). */
  readonly earlierConnections: () => number;
  /** Checks at once whether the file or the network namespace of a source was lost or is back. */
  readonly lookForFiles: () => void;
}

/** The admin and metrics servers of a process, and the figures that they show. */
interface ObservedServers {
  readonly observation: Observation;
  readonly servers: AdminServers;
}

/**
 * Opens the servers of `--admin` and `--metrics`, and begins to measure the figures that they show.
 * Adds the servers and the figures to `parts`, which the caller disposes. If the plan has no such
 * server, returns null and does not load the code of the servers.
 */
export async function openObservedServers(
  parts: AsyncDisposableStack,
  needs: ServersNeeds,
): Promise<ObservedServers | null> {
  const { processWide, connectionsMax, memory, log, predecessor } = needs;
  if (!hasAdminServers(processWide)) return null;
  const { Observation } = await import("../observe/figures/observe-process.ts");
  const observation = parts.use(
    new Observation({
      connectionsMax,
      memoryMax: memory.most,
      heldBytes: () => heldTogether(memory),
      logLinesLost: () => log.linesLost(),
      workers: needs.workers,
      earlierConnections: needs.earlierConnections,
      look: needs.lookForFiles,
    }),
  );
  const servers = parts.use(
    await AdminServers.open(
      processWide,
      observation,
      log,
      (role, address, permissions) => predecessor?.claim(role, address, permissions) ?? null,
    ),
  );
  warnOfOpenServers(servers.endpoints, log);
  return { observation, servers };
}
