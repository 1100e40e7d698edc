import { fstatSync } from "node:fs";

/** Whether a descriptor is a terminal; false where it is closed. */
export function isTerminal(fd: number): boolean {
  // A daemon's standard error mostly is none, and node:tty takes 2 ms of a start of 10.
  return isCharacterDevice(fd) && process.getBuiltinModule("node:tty").isatty(fd);
}

// Memory devices, as /dev/null (linux Documentation/admin-guide/devices.txt).
const MEMORY_MAJOR = 1;

/**
 * Whether a descriptor is a terminal that is no more: its window was closed, its connection lost. The
 * kernel then answers each request with EIO (tty_ioctl(4)), and sends HUP.
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
