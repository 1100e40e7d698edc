import { type Libc, loaded } from "../os/libc.ts";
import type { RelayOptions } from "../relay/options.ts";
import { type HandoverRelay, startRelay } from "../relay/running-relay.ts";
import { type Workers, workerCount } from "./worker-count.ts";

/**
 * Starts a relay.
 *
 * @throws {RelayError} if the source cannot be listened on or a worker cannot start.
 */
export type OpenRelay = (options: RelayOptions) => Promise<HandoverRelay>;

/**
 * What starts relays in this thread, or in several that all of them share. Without FFI several cannot
 * share a source; one does it then, and says so.
 */
export function relayOpener(workers: Workers): OpenRelay {
  const count = workerCount(workers);
  if (count === 1) return startRelay;
  return loaded.libc === null ? withWarning(loaded.reason) : pooled(loaded.libc, count);
}

function pooled(system: Libc, workers: number): OpenRelay {
  // Relays in one thread need not wait until what only several need is loaded.
  const loading = Promise.all([import("./pooled-relay.ts"), import("./worker-pool.ts")]);
  const starting = loading.then(([{ startPooledRelay }, { WorkerPool }]) => {
    const pool = new WorkerPool(workers);
    return (options: RelayOptions) => startPooledRelay(system, options, pool);
  });
  return async (options) => await (await starting)(options);
}

/** Warns with the first relay. */
function withWarning(reason: string): OpenRelay {
  let isTold = false;
  return async (options) => {
    if (!isTold)
      options.observer?.warning?.(
        `one thread relays, not several: they share the source through FFI (${reason})`,
      );
    isTold = true;
    return await startRelay(options);
  };
}
