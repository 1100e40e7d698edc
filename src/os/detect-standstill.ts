// A timer that is late by more than half of its interval proves that the process stood still. But a
// busy machine can delay a timer by up to this time, in milliseconds, so a timer that is less late
// proves nothing.
const LATE_LEAST = 250;
// A timer that is late by more than this time, in milliseconds, proves that the process stood
// still, however long the timer's interval is.
const LATE_MOST = 1_000;

/**
 * Whether a timer of `interval` milliseconds that fired `late` milliseconds late proves that the
 * process stood still: a signal stopped it, or its container or virtual machine was frozen.
 *
 * If the process stood still, the caller must start the time limit of this timer again, for two
 * reasons. Bytes that arrived during the standstill still wait in the kernel, because Bun runs late
 * timers before it reads sockets. And the peers may have stood still, too.
 */
export function processStoodStill(late: number, interval: number): boolean {
  return late > Math.min(Math.max(LATE_LEAST, interval / 2), LATE_MOST);
}
