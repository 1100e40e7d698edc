import { availableParallelism } from "node:os";

/** How many threads relay: a number from 1 on, or `auto` for one per processor. */
export type Workers = number | "auto";

/**
 * The worker count as a number. `auto` gives the processors that this process may use. Bun derives
 * that number from the affinity (sched(7)) and from the control group's quotas (cgroups(7)).
 */
export function workerCount(workers: Workers): number {
  return workers === "auto" ? availableParallelism() : workers;
}
