import { fstatSync } from "node:fs";

// The major number of memory devices, such as /dev/null (linux
// Documentation/admin-guide/devices.txt).
const MEMORY_MAJOR = 1;

/** Whether a descriptor is a terminal; false if the descriptor is closed. */
export function isTerminal(fd: number): boolean {
  // Check the type of the device first, because a daemon's standard error is rarely a terminal, and
  // loading node:tty adds 1 to 2 ms to a start, which takes about 10 ms.
  return mayBeTerminal(fd) && process.getBuiltinModule("node:tty").isatty(fd);
}

/**
 * Whether a descriptor is a terminal that has hung up: its window was closed or its connection was
 * lost. For such a terminal, the kernel answers each request with EIO (tty_ioctl(4)), and it sends
 * SIGHUP.
 */
export function isHungUp(fd: number): boolean {
  return mayBeTerminal(fd) && !isTerminal(fd);
}

/** Whether a descriptor is a character device that is no memory device. */
function mayBeTerminal(fd: number): boolean {
  try {
    const stats = fstatSync(fd);
    return stats.isCharacterDevice() && ((stats.rdev >> 8) & 0xfff) !== MEMORY_MAJOR;
  } catch {
    return false;
  }
}
