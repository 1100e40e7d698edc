import { readFileSync } from "node:fs";

/** Null before it was asked for. A process with many relays asks many times. */
let known: number | null = null;

/**
 * How many files this process may have open: the soft limit of RLIMIT_NOFILE (getrlimit(2)) when it
 * was first asked for. Bun raises the soft limit to the hard limit when it starts. `Infinity` if the
 * limit is unknown.
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
    // No /proc, for example on macOS: the first EMFILE then reveals the limit.
    return Infinity;
  }
}
