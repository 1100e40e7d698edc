import { availableParallelism } from "node:os";

/** How many threads relay: a number from 1 on, or as many as there are processors. */
export type Workers = number | "auto";

/**
 * As a number; of `auto` the processors that this process may keep busy, by its affinity (sched(7)) and
 * the quotas of its control groups (cgroups(7)), both of which Bun heeds.
 */
export function workerCount(workers: Workers): number {
  return workers === "auto" ? availableParallelism() : workers;
}
