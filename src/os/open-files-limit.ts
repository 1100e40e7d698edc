import { readFileSync } from "node:fs";

/**
 * How many files this process may have open: the soft limit of RLIMIT_NOFILE (getrlimit(2)), which
 * Bun raises to the hard one when it starts. `Infinity` where the system does not say.
 */
export function openFilesMax(): number {
  try {
    const limits = readFileSync("/proc/self/limits", "utf8");
    const [, soft = ""] = /^Max open files +(\d+)/m.exec(limits) ?? [];
    return soft === "" ? Infinity : Number(soft);
  } catch {
    // No /proc, as on macOS: the limit is then found out by the first failure.
    return Infinity;
  }
}
