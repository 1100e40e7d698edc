import { availableMemory } from "../os/available-memory.ts";
import { type MemoryBound, memoryBound } from "../relay/limits/held-memory-limit.ts";
import { type Workers, workerCount } from "./worker-count.ts";

// By default, all connections together may hold the available memory divided by this number. The
// rest of the memory is for the kernel's socket buffers and for other programs.
const MEMORY_PARTS = 4;

/**
 * Makes the counters in which each thread of a process counts the bytes that its connections hold,
 * with the maximum of their sum.
 *
 * @param workers - the number of threads that carry connections
 * @param most - the maximum in bytes; null for a quarter of the memory that this process may use
 */
export function boundOfThreads(workers: Workers, most: number | null): MemoryBound {
  return memoryBound(workerCount(workers), most ?? Math.floor(availableMemory() / MEMORY_PARTS));
}
