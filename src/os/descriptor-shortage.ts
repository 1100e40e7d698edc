import { closeSync, openSync } from "node:fs";
import { errorCode } from "./errno.ts";

/**
 * Checks whether this process can open `wanted` more descriptors. Returns null if it can; otherwise
 * EMFILE (the limit of the process is reached) or ENFILE (the limit of the system).
 */
export function descriptorShortage(wanted: number): string | null {
  try {
    const fd = openSync("/dev/null", "r");
    try {
      return wanted > 1 ? descriptorShortage(wanted - 1) : null;
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    const code = errorCode(error);
    return isDescriptorShortage(code) ? code : null;
  }
}

/** Whether an error code means that no descriptor is left: in the process or in the system. */
export function isDescriptorShortage(code: string): boolean {
  return code === "EMFILE" || code === "ENFILE";
}
