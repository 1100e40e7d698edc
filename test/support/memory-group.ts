import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "./waiting.ts";

// The file of the most memory, and that of the most swap where there is one: cgroup v2, then v1.
const LIMITS = [
  ["memory.max", "memory.swap.max"],
  ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"],
] as const;

/** A control group whose processes together may use so much memory and no more (cgroups(7)). */
export interface MemoryGroup extends AsyncDisposable {
  /** What a command is started with to be in the group. */
  readonly prefix: readonly string[];
}

/** Makes one of `bytes`; null where this machine or this user cannot. */
export function makeMemoryGroup(bytes: number): MemoryGroup | null {
  for (const mount of mounts()) {
    const folder = join(mount, `relay-test-${process.pid}`);
    if (!make(folder)) continue;
    const limits = LIMITS.find(([memory]) => existsSync(join(folder, memory)));
    if (limits !== undefined) return limited(folder, limits, bytes);
    rmdirSync(folder);
  }
  return null;
}

function limited(folder: string, [memory, swap]: readonly string[], bytes: number): MemoryGroup {
  writeFileSync(join(folder, memory ?? ""), String(bytes));
  const swapFile = join(folder, swap ?? "");
  // Of v2 it is swap alone, of v1 memory and swap together.
  if (existsSync(swapFile)) writeFileSync(swapFile, memory === "memory.max" ? "0" : String(bytes));
  const enter = `echo $$ >${join(folder, "cgroup.procs")} && exec "$@"`;
  return {
    prefix: ["sh", "-c", enter, "sh"],
    async [Symbol.asyncDispose]() {
      await until(() => remove(folder), "the control group to be empty");
    },
  };
}

/** Where hierarchies of control groups are mounted that may limit memory (proc(5), mountinfo). */
function mounts(): string[] {
  const lines = readFileSync("/proc/self/mountinfo", "utf8").trimEnd().split("\n");
  return lines.flatMap((line) => {
    const [mount = "", source = ""] = line.split(" - ");
    const [, , , , mountPoint = ""] = mount.split(" ");
    const [type, , options = ""] = source.split(" ");
    const hasMemory = type === "cgroup2" || options.split(",").includes("memory");
    return hasMemory && type?.startsWith("cgroup") === true ? [mountPoint] : [];
  });
}

function make(folder: string): boolean {
  try {
    mkdirSync(folder);
    return true;
  } catch {
    // Not root, or a mount that is only to be read.
    return false;
  }
}

function remove(folder: string): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch {
    // A process that was killed may still be in it for a moment.
    return false;
  }
}
