import { loaded } from "../os/libc.ts";
import type { RelayOptions } from "../relay/options.ts";
import { type HandoverRelay, startRelay } from "../relay/running-relay.ts";
import { type Workers, workerCount } from "./worker-count.ts";

/**
 * Starts a relay in one thread, or in several. Without FFI several cannot share a source; one does it
 * then, and says so.
 *
 * @throws {RelayError} if the source cannot be listened on or a worker cannot start.
 */
export async function openRelay(options: RelayOptions, workers: Workers): Promise<HandoverRelay> {
  const count = workerCount(workers);
  if (count === 1) return await startRelay(options);
  if (loaded.libc === null) {
    options.observer?.warning?.(withoutWorkers(loaded.reason));
    return await startRelay(options);
  }
  // A relay in one thread need not wait until what only several need is loaded.
  const { startPool } = await import("./worker-pool.ts");
  return await startPool(loaded.libc, options, count);
}

function withoutWorkers(reason: string): string {
  return `one thread relays, not several: they share the source through FFI (${reason})`;
}
