import { readFileSync } from "node:fs";

/**
 * The result of `openFilesMax`; null before its first call. The result is cached, because a process
 * with many relays calls `openFilesMax` many times.
 */
let known: number | null = null;

/**
 * The maximum number of files that this process may have open: the soft limit of RLIMIT_NOFILE
 * (getrlimit(2)) at the time of the first call. Bun raises the soft limit to the hard limit at its
 * start. `Infinity` if the limit is unknown.
 */
export function openFilesMax(): number {
  return (known ??= readLimit());
}

function readLimit(): number {
  try {
    const limits = readFileSync("/proc/self/limits", "utf8");
    const [, soft = ""] = /^Max open files +(\d+)/m.exec(limits) ?? [];
    return soft === "" ? Infinity : Number(soft);
  } catch {
    // The system has no /proc, for example macOS. On such a system the process learns of the limit
    // only when a system call fails with EMFILE.
    return Infinity;
  }
}
