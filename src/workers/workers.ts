import { processorsMost } from "../os/processors.ts";

/** How many threads relay: a number from 1 on, or as many as there are processors. */
export type Workers = number | "auto";

/** As a number; of `auto` the processors that this process may keep busy. */
export function workerCount(workers: Workers): number {
  return workers === "auto" ? processorsMost() : workers;
}
