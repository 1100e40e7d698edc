import { readdirSync, statSync } from "node:fs";
import { openFilesMax } from "../../os/open-files-limit.ts";

/** The resources that the process uses. */
export interface ProcessFigures {
  readonly cpuUserSeconds: number;
  readonly cpuSystemSeconds: number;
  readonly residentBytes: number;
  /** Open descriptors; null if the system does not tell. */
  readonly openFiles: number | null;
  /** The limit of open descriptors; null if there is none. */
  readonly openFilesMax: number | null;
  /** Start, in seconds since 1970. */
  readonly startTime: number;
}

const limit = openFilesMax();

/** The figures now. */
export function processUsage(): ProcessFigures {
  const { user, system } = process.cpuUsage();
  return {
    cpuUserSeconds: user / 1e6,
    cpuSystemSeconds: system / 1e6,
    residentBytes: process.memoryUsage.rss(),
    openFiles: openFiles(),
    openFilesMax: Number.isFinite(limit) ? limit : null,
    startTime: performance.timeOrigin / 1_000,
  };
}

const DESCRIPTORS = "/proc/self/fd";

function openFiles(): number | null {
  try {
    // Since Linux 6.2 the folder's size is the number of descriptors (proc(5)). Before 6.2 it is 0, and
    // listing the folder takes milliseconds with ten thousand connections.
    const { size } = statSync(DESCRIPTORS);
    return size > 0 ? size : readdirSync(DESCRIPTORS).length;
  } catch {
    // There is no /proc, for example on macOS.
    return null;
  }
}
