import { fstatSync } from "node:fs";

/** Whether a descriptor is a terminal; false if the descriptor is closed. */
export function isTerminal(fd: number): boolean {
  // Check for a character device first, because a daemon's standard error is rarely a terminal, and
  // loading node:tty adds 2 ms to a start, which takes about 10 ms.
  return isCharacterDevice(fd) && process.getBuiltinModule("node:tty").isatty(fd);
}

// The major number of memory devices, such as /dev/null (linux
// Documentation/admin-guide/devices.txt).
const MEMORY_MAJOR = 1;

/**
 * Whether a descriptor is a terminal that has hung up: its window was closed or its connection was
 * lost. For such a terminal, the kernel answers each request with EIO (tty_ioctl(4)), and it sends
 * SIGHUP.
 */
export function isHungUp(fd: number): boolean {
  if (!isCharacterDevice(fd) || isTerminal(fd)) return false;
  return ((fstatSync(fd).rdev >> 8) & 0xfff) !== MEMORY_MAJOR;
}

function isCharacterDevice(fd: number): boolean {
  try {
    return fstatSync(fd).isCharacterDevice();
  } catch {
    return false;
  }
}
