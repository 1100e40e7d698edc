import { closeSync, openSync } from "node:fs";
import { errorCode } from "./errno.ts";

/** EMFILE or ENFILE if fewer than `wanted` descriptors are left, else null. */
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
    return code === "EMFILE" || code === "ENFILE" ? code : null;
  }
}
