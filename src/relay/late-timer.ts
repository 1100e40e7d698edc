// How late a timer comes in a working process, in milliseconds: at least and at most so much of it
// is borne, so that a busy machine does not put off a short limit, nor a long one a short standstill.
const LATE_LEAST = 250;
const LATE_MOST = 1_000;

/**
 * Whether a timer that was set to `interval` milliseconds and came `late` milliseconds late shows
 * that the process stood still: a signal stopped it, or its container or virtual machine was frozen.
 * What came during that time still waits in the kernel, because Bun runs late timers before it reads
 * sockets, and the peers may have stood still as well. A time limit must then not act, but start anew.
 */
export function stoodStill(late: number, interval: number): boolean {
  return late > Math.min(Math.max(LATE_LEAST, interval / 2), LATE_MOST);
}
