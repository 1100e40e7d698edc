import { availableMemory } from "../os/available-memory.ts";
import { type MemoryBound, memoryBound } from "../relay/limits/held-memory-limit.ts";
import { type Workers, workerCount } from "./worker-count.ts";

// The available memory is divided into this number of equal parts. By default, all connections
// together may hold one part. The rest is for the kernel's socket buffers and for other programs.
const MEMORY_PARTS = 4;

/**
 * Makes one counter for each thread, which counts the bytes that the thread's connections hold in
 * memory. Sets the maximum of the sum of all counters.
 *
 * @param workers - the number of threads that carry connections
 * @param most - the maximum in bytes; null for a quarter of the memory that this process may use
 */
export function boundOfThreads(workers: Workers, most: number | null): MemoryBound {
  return memoryBound(workerCount(workers), most ?? Math.floor(availableMemory() / MEMORY_PARTS));
}
