import { type Libc, loaded } from "../os/libc.ts";
import type { RelayOptions } from "../relay/options.ts";
import type { HandoverRelay } from "../relay/relay.ts";
import { startRelay } from "../relay/running-relay.ts";
import { SharedLimit } from "../relay/shared-limit.ts";
import { type Workers, workerCount } from "./worker-count.ts";

/**
 * Starts a relay.
 *
 * @param lastId - see `RelayContext`
 * @throws {RelayError} if listening on the source fails or a worker cannot start.
 */
export type OpenRelay = (options: RelayOptions, lastId?: number) => Promise<HandoverRelay>;

/**
 * Returns a function that starts relays, in this thread or in a pool of threads that all relays
 * share. Without FFI threads cannot share a source: then one thread relays, with a warning.
 *
 * @param sharedMax - the most open connections of all relays together; null: no such limit
 */
export function relayOpener(workers: Workers, sharedMax: number | null = null): OpenRelay {
  const count = workerCount(workers);
  if (count === 1) return inThisThread(sharedMax);
  return loaded.libc === null
    ? withWarning(loaded.reason, inThisThread(sharedMax))
    : pooled(loaded.libc, count, sharedMax);
}

function inThisThread(sharedMax: number | null): OpenRelay {
  const limit = sharedMax === null ? null : new SharedLimit(sharedMax);
  return (options, lastId) => startRelay(options, { limit, lastId });
}

function pooled(system: Libc, workers: number, sharedMax: number | null): OpenRelay {
  // Load the pool's modules on demand: a relay in one thread starts faster without them.
  const loading = Promise.all([import("./pooled-relay.ts"), import("./worker-pool.ts")]);
  const starting = loading.then(([{ startPooledRelay }, { WorkerPool }]) => {
    const pool = new WorkerPool(workers, { sharedMax });
    return (options: RelayOptions, lastId: number) =>
      startPooledRelay(system, options, pool, lastId);
  });
  return async (options, lastId = 0) => await (await starting)(options, lastId);
}

/** Gives the warning to the observer of the first relay. */
function withWarning(reason: string, open: OpenRelay): OpenRelay {
  let isTold = false;
  return async (options, lastId) => {
    if (!isTold)
      options.observer?.warning?.(
        `one thread relays, not several: threads can share the source only with FFI (${reason})`,
      );
    isTold = true;
    return await open(options, lastId);
  };
}
