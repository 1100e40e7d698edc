import { fstatSync } from "node:fs";

/** Whether a descriptor is a terminal; false where it is closed. */
export function isTerminal(fd: number): boolean {
  // A daemon's standard error mostly is none, and node:tty takes 2 ms of a start of 10.
  return isCharacterDevice(fd) && process.getBuiltinModule("node:tty").isatty(fd);
}

function isCharacterDevice(fd: number): boolean {
  try {
    return fstatSync(fd).isCharacterDevice();
  } catch {
    return false;
  }
}
