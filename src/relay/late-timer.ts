// The lateness that is normal on a busy machine is half of the interval, but not less and not more
// than these, in milliseconds.
const LATE_LEAST = 250;
const LATE_MOST = 1_000;

/**
 * Whether a timer of `interval` milliseconds that came `late` milliseconds late proves that the process
 * stood still: a signal stopped it, or its container or virtual machine was frozen.
 *
 * A time limit must then not act, but start anew. Bytes that came meanwhile still wait in the kernel,
 * because Bun runs late timers before it reads sockets; and the peers may have stood still as well.
 */
export function stoodStill(late: number, interval: number): boolean {
  return late > Math.min(Math.max(LATE_LEAST, interval / 2), LATE_MOST);
}
