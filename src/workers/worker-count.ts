import { availableParallelism } from "node:os";

/**
 * The number of threads that carry connections: an integer of at least 1, or `auto` for one thread
 * per processor.
 */
export type Workers = number | "auto";

/**
 * Returns the number of workers. For `auto`, this is the number of processors that this process may
 * use. Bun derives that number from the CPU affinity (sched(7)) and from the control group's quotas
 * (cgroups(7)).
 */
export function workerCount(workers: Workers): number {
  return workers === "auto" ? availableParallelism() : workers;
}
