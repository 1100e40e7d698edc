// A timer may be late by half of its interval on a busy machine, although the process did not stand
// still. These are the lower and the upper bound of this tolerance, in milliseconds.
const LATE_LEAST = 250;
const LATE_MOST = 1_000;

/**
 * Whether a timer of `interval` milliseconds that fired `late` milliseconds late proves that the
 * process stood still: a signal stopped it, or its container or virtual machine was frozen.
 *
 * After a standstill, a time limit that seems to be over must start again from 0, for two reasons.
 * Bytes that arrived during the standstill still wait in the kernel, because Bun runs late timers
 * before it reads sockets. And the peers may have stood still, too.
 */
export function processStoodStill(late: number, interval: number): boolean {
  return late > Math.min(Math.max(LATE_LEAST, interval / 2), LATE_MOST);
}
