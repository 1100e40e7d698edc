import type { EarlierProcesses } from "./handover/earlier-processes.ts";
import type { RelaysOfProcess } from "./relays-of-process.ts";

/**
 * The time, in milliseconds, that `stopRelays` waits for earlier processes after the end of the
 * drain timeout, and after the second request to stop.
 */
const EARLIER_MARGIN = 1_000;

interface StopNeeds {
  readonly relays: Pick<RelaysOfProcess, "stop">;
  /** The earlier processes that still run; null if this process has no predecessor. */
  readonly earlier: Pick<EarlierProcesses, "stop" | "unladen"> | null;
  /** The relays' drain timeout, in milliseconds. */
  readonly drainTimeout: number;
  /** Settles at the second request to stop, which resets all open connections. */
  readonly hurry: Promise<void>;
}

/**
 * Drains all relays of this process, and of the earlier processes that handed over and still have
 * connections.
 */
export async function stopRelays({
  relays,
  earlier,
  drainTimeout,
  hurry,
}: StopNeeds): Promise<void> {
  earlier?.stop(null);
  const stopped = Promise.all([relays.stop(), earlierEnd(earlier, drainTimeout)]);
  await Promise.race([stopped, hurry]);
  earlier?.stop(0);
  await relays.stop({ drainTimeout: 0 });
  // An earlier process may hang. After the second request to stop, wait for it only a moment.
  await Promise.race([stopped, hurry.then(() => Bun.sleep(EARLIER_MARGIN))]);
}

/**
 * Waits until all connections of earlier processes have ended. Waits at most for this process's
 * drain timeout plus `EARLIER_MARGIN`, because an earlier process may have a longer drain timeout.
 */
async function earlierEnd(earlier: StopNeeds["earlier"], drainTimeout: number): Promise<void> {
  if (earlier === null) return;
  await Promise.race([earlier.unladen(), Bun.sleep(drainTimeout + EARLIER_MARGIN)]);
}
