import { type Libc, loaded } from "../os/libc.ts";
import type { RelayOptions } from "../relay/options.ts";
import type { HandoverRelay } from "../relay/relay.ts";
import { startRelay } from "../relay/running-relay.ts";
import { type Workers, workerCount } from "./worker-count.ts";

/**
 * Starts a relay.
 *
 * @throws {RelayError} if listening on the source fails or a worker cannot start.
 */
export type OpenRelay = (options: RelayOptions) => Promise<HandoverRelay>;

/**
 * Returns a function that starts relays, in this thread or in a pool of threads that all relays
 * share. Without FFI threads cannot share a source: then one thread relays, with a warning.
 */
export function relayOpener(workers: Workers): OpenRelay {
  const count = workerCount(workers);
  if (count === 1) return startRelay;
  return loaded.libc === null ? withWarning(loaded.reason) : pooled(loaded.libc, count);
}

function pooled(system: Libc, workers: number): OpenRelay {
  // Load the pool's modules on demand: a relay in one thread starts faster without them.
  const loading = Promise.all([import("./pooled-relay.ts"), import("./worker-pool.ts")]);
  const starting = loading.then(([{ startPooledRelay }, { WorkerPool }]) => {
    const pool = new WorkerPool(workers);
    return (options: RelayOptions) => startPooledRelay(system, options, pool);
  });
  return async (options) => await (await starting)(options);
}

/** Gives the warning to the observer of the first relay. */
function withWarning(reason: string): OpenRelay {
  let isTold = false;
  return async (options) => {
    if (!isTold)
      options.observer?.warning?.(
        `one thread relays, not several: threads can share the source only with FFI (${reason})`,
      );
    isTold = true;
    return await startRelay(options);
  };
}
