// On a busy machine a timer may be late without a standstill. So a timer may be late by half of its
// interval, but at least by this time, in milliseconds.
const LATE_LEAST = 250;
// A timer may never be late by more than this time, in milliseconds.
const LATE_MOST = 1_000;

/**
 * Whether a timer of `interval` milliseconds that fired `late` milliseconds late proves that the
 * process stood still: a signal stopped it, or its container or virtual machine was frozen.
 *
 * If the process stood still, the caller must restart the time limit of this timer, for two
 * reasons. Bytes that arrived during the standstill still wait in the kernel, because Bun runs late
 * timers before it reads sockets. And the peers may have stood still, too.
 */
export function processStoodStill(late: number, interval: number): boolean {
  return late > Math.min(Math.max(LATE_LEAST, interval / 2), LATE_MOST);
}
