import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../waiting.ts";

/** A control group whose processes together may use so much of something (cgroups(7)). */
export interface ResourceGroup extends AsyncDisposable {
  /** What a command is started with to be in the group. */
  readonly prefix: readonly string[];
}

/**
 * What is written to which of a group's files, in this order; one that is not there is left out.
 */
type Limits = readonly (readonly [file: string, value: string])[];

/** Makes one that may use `bytes` of memory; null where this machine or this user cannot. */
export function makeMemoryGroup(bytes: number): ResourceGroup | null {
  const most = String(bytes);
  return makeGroup("memory", [
    // Of v2 the second is swap alone, of v1 memory and swap together.
    [
      ["memory.max", most],
      ["memory.swap.max", "0"],
    ],
    [
      ["memory.limit_in_bytes", most],
      ["memory.memsw.limit_in_bytes", most],
    ],
  ]);
}

/** Makes one that may keep so many processors busy; null where this machine or this user cannot. */
export function makeProcessorGroup(processors: number): ResourceGroup | null {
  const period = 100_000;
  const time = processors * period;
  return makeGroup("cpu", [
    [["cpu.max", `${time} ${period}`]],
    [
      ["cpu.cfs_period_us", String(period)],
      ["cpu.cfs_quota_us", String(time)],
    ],
  ]);
}

function makeGroup(controller: string, versions: readonly Limits[]): ResourceGroup | null {
  for (const mount of mounts(controller)) {
    const folder = join(mount, `relay-test-${controller}-${process.pid}`);
    if (!make(folder)) continue;
    const limits = versions.find(([first]) => existsSync(join(folder, first?.[0] ?? "")));
    if (limits !== undefined && set(folder, limits)) return groupIn(folder);
    rmdirSync(folder);
  }
  return null;
}

function set(folder: string, limits: Limits): boolean {
  try {
    for (const [file, value] of limits) {
      const path = join(folder, file);
      if (existsSync(path)) writeFileSync(path, value);
    }
    return true;
  } catch {
    // More than the group above may use.
    return false;
  }
}

function groupIn(folder: string): ResourceGroup {
  const enter = `echo $$ >${join(folder, "cgroup.procs")} && exec "$@"`;
  return {
    prefix: ["sh", "-c", enter, "sh"],
    async [Symbol.asyncDispose]() {
      await until(() => remove(folder), "the control group to be empty");
    },
  };
}

/**
 * Where hierarchies of control groups are mounted that may have a controller (proc(5), mountinfo).
 */
function mounts(controller: string): string[] {
  const lines = readFileSync("/proc/self/mountinfo", "utf8").trimEnd().split("\n");
  return lines.flatMap((line) => {
    const [mount = "", source = ""] = line.split(" - ");
    const [, , , , mountPoint = ""] = mount.split(" ");
    const [type, , options = ""] = source.split(" ");
    const hasController = type === "cgroup2" || options.split(",").includes(controller);
    return hasController && type?.startsWith("cgroup") === true ? [mountPoint] : [];
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
