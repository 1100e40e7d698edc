import { descriptorShortage } from "../../os/descriptor-shortage.ts";

// The number of descriptors that must be free before the relay accepts again after a shortage.
export const HEADROOM = 16;

// The time between two checks whether descriptors are left, in milliseconds.
const PERIOD = 1_000;

/** An object that is notified about a shortage of descriptors. */
export interface DescriptorWatcher {
  /** Whether a shortage was reported and has not ended. */
  readonly isExhausted: boolean;
  /** Called when no descriptor is left, in the process or in the system. */
  descriptorsExhausted(): void;
  /** Called when descriptors are available again after a shortage. */
  descriptorsAvailable(): void;
}

const watchers = new Set<DescriptorWatcher>();
let timer: Timer | undefined;

/**
 * Checks periodically whether descriptors are left, and notifies the watcher, until the returned
 * object is disposed. All relays of this thread share one check. It is not enough to count the
 * relay's own descriptors, because other code and other processes use descriptors, too.
 */
export function watchDescriptors(watcher: DescriptorWatcher): Disposable {
  watchers.add(watcher);
  timer ??= setInterval(look, PERIOD);
  return {
    [Symbol.dispose]() {
      watchers.delete(watcher);
      if (watchers.size > 0) return;
      clearInterval(timer);
      timer = undefined;
    },
  };
}

function look(): void {
  const isShort = descriptorShortage(1) !== null;
  const isShortOfMany = [...watchers].some(({ isExhausted }) => isExhausted)
    ? descriptorShortage(HEADROOM) !== null
    : isShort;
  for (const watcher of [...watchers]) {
    if (watcher.isExhausted ? isShortOfMany : isShort) watcher.descriptorsExhausted();
    else if (watcher.isExhausted) watcher.descriptorsAvailable();
  }
}
