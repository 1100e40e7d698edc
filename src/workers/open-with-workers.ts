import { type Libc, loaded } from "../os/libc.ts";
import { workersCarried } from "../relay/listen/descriptor-budget.ts";
import type { RelayOptions } from "../relay/options.ts";
import type { HandoverRelay } from "../relay/relay-interface.ts";
import type { RelayStart } from "../relay/relay-context.ts";
import { HeldMemory, type MemoryBound } from "../relay/limits/held-memory-limit.ts";
import { startRelay } from "../relay/running-relay.ts";
import { SharedConnectionLimit } from "../relay/limits/shared-connection-limit.ts";
import { boundOfThreads } from "./held-memory-of-threads.ts";
import { type Workers, workerCount } from "./worker-count.ts";

/** The limits for all relays of a process together. */
export interface SharedLimits {
  /** The maximum number of open connections of all relays; null (the default) for no such limit. */
  readonly sharedMax?: number | null;
  /**
   * The number of bytes that the connections of all relays hold in memory, and the maximum of this
   * number. Default maximum: a quarter of the memory that this process may use.
   */
  readonly memory?: MemoryBound;
}

/**
 * Starts a relay.
 *
 * @throws {RelayError} if listening on the source fails or a worker cannot start.
 */
export type OpenRelay = (options: RelayOptions, start?: RelayStart) => Promise<HandoverRelay>;

/** Starts relays, and knows how many threads carry their connections. */
export interface RelayOpener {
  readonly open: OpenRelay;
  /** Returns the number of threads that carry connections now. */
  readonly workers: () => number;
}

/**
 * Returns an object that starts relays: in this thread if `workers` is 1, otherwise in a pool of
 * threads that all relays share. Several threads can share a source only with FFI. Without FFI,
 * this thread carries all connections. If there are fewer threads than `workers`, because FFI is
 * not available or because of the limit of open files, the observer of the first relay gets a
 * warning.
 */
export function relayOpener(workers: Workers, limits: SharedLimits = {}): RelayOpener {
  const count = workerCount(workers);
  const { sharedMax = null, memory = boundOfThreads(workers, null) } = limits;
  if (count === 1) return inThisThread(sharedMax, memory);
  if (loaded.libc === null)
    return withWarning(
      `one thread relays, not several: threads can share the source only with FFI (${loaded.reason})`,
      inThisThread(sharedMax, memory),
    );
  const carried = workersCarried(count, () => 0);
  const opener =
    carried === 1
      ? inThisThread(sharedMax, memory)
      : pooled(loaded.libc, carried, { sharedMax, memory });
  return carried === count
    ? opener
    : withWarning(
        `the limit of open files allows ${carried} workers, not ${count}: ` +
          "raise the limit (LimitNOFILE= in a systemd unit, ulimit -n elsewhere)",
        opener,
      );
}

function inThisThread(sharedMax: number | null, bound: MemoryBound): RelayOpener {
  const limit = sharedMax === null ? null : new SharedConnectionLimit(sharedMax);
  const memory = new HeldMemory(bound, 0);
  return {
    open: (options, start) => startRelay(options, { ...start, limit, memory }),
    workers: () => 1,
  };
}

function pooled(system: Libc, workers: number, limits: Required<SharedLimits>): RelayOpener {
  // Load the pool's modules on demand, because a relay in one thread starts faster without these
  // modules.
  const loading = Promise.all([import("./pooled-relay.ts"), import("./worker-pool.ts")]);
  let running = () => 0;
  const starting = loading.then(([{ startPooledRelay }, { WorkerPool }]) => {
    const pool = new WorkerPool(workers, limits);
    running = () => pool.running;
    return (options: RelayOptions, start?: RelayStart) =>
      startPooledRelay(system, options, pool, start);
  });
  return {
    open: async (options, start) => await (await starting)(options, start),
    workers: () => running(),
  };
}

/** Wraps an opener so that the observer of the first relay gets a warning. */
function withWarning(message: string, { open, workers }: RelayOpener): RelayOpener {
  let isTold = false;
  return {
    open: async (options, start) => {
      if (!isTold) options.observer?.warning?.(message);
      isTold = true;
      return await open(options, start);
    },
    workers,
  };
}
