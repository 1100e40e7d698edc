import { readdirSync, statSync } from "node:fs";
import { openFilesMax } from "../../os/open-files-limit.ts";

/** What the process costs the machine. */
export interface ProcessFigures {
  readonly cpuUserSeconds: number;
  readonly cpuSystemSeconds: number;
  readonly residentBytes: number;
  /** Open descriptors; null where the system does not say. */
  readonly openFiles: number | null;
  /** Descriptors that may be open; null where there is no limit. */
  readonly openFilesMax: number | null;
  /** Start, in seconds since 1970. */
  readonly startTime: number;
}

const limit = openFilesMax();

/** The figures of this moment. */
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
    // Since Linux 6.2 the folder's size is their number (proc(5)); before, it is 0, and with ten
    // thousand connections a listing takes milliseconds.
    const { size } = statSync(DESCRIPTORS);
    return size > 0 ? size : readdirSync(DESCRIPTORS).length;
  } catch {
    // No /proc, as on macOS.
    return null;
  }
}
