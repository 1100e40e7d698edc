import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";

/**
 * How many processors this process may keep busy, 1 at least: those of its affinity (sched(7)), or
 * fewer where a quota of its control groups allows only so much time, as containers and `CPUQuota=`
 * of systemd have it. A part of a processor does not count. `root` is where /proc and /sys are.
 */
export function processorsMost(root = "/"): number {
  return Math.max(1, Math.floor(Math.min(availableParallelism(), quota(root))));
}

/** Processor time a second by all of the process's groups; `Infinity` without a limit. cgroups(7) */
function quota(root: string): number {
  const memberships = read(join(root, "proc/self/cgroup"))?.trimEnd().split("\n") ?? [];
  return Math.min(
    ...memberships.map((line) => {
      const [, controllers = "", ...path] = line.split(":");
      const group = path.join(":");
      const mount = join(root, "sys/fs/cgroup");
      if (controllers === "") return leastUpwards(mount, group, quotaOfV2);
      if (controllers.split(",").includes("cpu"))
        return leastUpwards(join(mount, "cpu"), group, quotaOfV1);
      return Infinity;
    }),
  );
}

// The path may be the host's, of which a container sees only the last group, as the mount's root.
function leastUpwards(mount: string, group: string, quotaOf: (folder: string) => number): number {
  const here = quotaOf(join(mount, group));
  const above = dirname(group);
  return above === group ? here : Math.min(here, leastUpwards(mount, above, quotaOf));
}

// "max 100000" or "150000 100000", in microseconds (Linux, cgroup-v2.rst, cpu.max).
function quotaOfV2(folder: string): number {
  const [time = "", period = ""] = read(join(folder, "cpu.max"))?.split(" ") ?? [];
  return ratio(time, period);
}

// In microseconds, -1 without a limit (Linux, scheduler/sched-bwc.rst).
function quotaOfV1(folder: string): number {
  const time = read(join(folder, "cpu.cfs_quota_us")) ?? "";
  return ratio(time, read(join(folder, "cpu.cfs_period_us")) ?? "");
}

function ratio(time: string, period: string): number {
  const processors = Number(time) / Number(period);
  return processors > 0 ? processors : Infinity;
}

function read(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // No such group here, or none of this version: no limit that could be known.
    return null;
  }
}
