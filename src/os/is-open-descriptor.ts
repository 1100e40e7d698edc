import { fstatSync } from "node:fs";

/** Whether a number is an open descriptor of this process. */
export function isOpenDescriptor(fd: number): boolean {
  try {
    fstatSync(fd);
    return true;
  } catch {
    return false;
  }
}
