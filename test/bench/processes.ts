import { readdirSync, readFileSync } from "node:fs";
import { clock } from "./load/system.ts";

// USER_HZ, in which the kernel tells times to programs (proc(5)), is 100 on all that Bun runs on.
const NANOSECONDS_A_TICK = 1e9 / 100;
// CPUCLOCK_SCHED of linux/posix-timers_types.h.
const SCHEDULED = 2;

const owned = new Map<number, Bun.Subprocess>();

process.once("exit", () => {
  for (const child of owned.values()) killTree(child);
});

/** Takes care that a process and its children do not outlive the bench, whatever ends that. */
export function own<Child extends Bun.Subprocess>(child: Child): Child {
  owned.set(child.pid, child);
  void child.exited.then(() => owned.delete(child.pid));
  return child;
}

/** Ends a process and its children, and waits for it. */
export async function end(child: Bun.Subprocess): Promise<void> {
  killTree(child);
  await child.exited;
}

function killTree(child: Bun.Subprocess): void {
  // The number of a process that has ended may be another's.
  if (child.exitCode !== null || child.signalCode !== null) return;
  const below = treeOf(child.pid).slice(1);
  child.kill("SIGKILL");
  for (const pid of below) {
    try {
      process.kill(pid, "SIGKILL");
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }
}

/** The process, its children and theirs. */
export function treeOf(pid: number): number[] {
  const tree = [pid];
  // Grows while it is walked.
  for (const each of tree) tree.push(...childrenOf(each));
  return tree;
}

/**
 * Nanoseconds of processor time that a process, its children and theirs have used so far, whether
 * they still run or were waited for.
 */
export function cpuOf(pid: number): number {
  let sum = 0;
  for (const each of treeOf(pid)) {
    const stat = read(`/proc/${each}/stat`);
    if (stat === undefined) continue;
    // The name in parentheses may hold anything; utime, stime, cutime and cstime are fields 14 to
    // 17 (proc(5)).
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const ticks = (index: number) => Number(fields[index]) * NANOSECONDS_A_TICK;
    // Its own to the nanosecond: the clock of clock_getcpuclockid(3).
    const own = clock(~each * 8 + SCHEDULED) ?? ticks(11) + ticks(12);
    sum += own + ticks(13) + ticks(14);
  }
  return sum;
}

/**
 * KiB of memory that a process, its children and theirs take, where what several share counts once:
 * their proportional set size (proc(5)). What the kernel holds for them is not in it.
 */
export function memoryOf(pid: number): number {
  let sum = 0;
  for (const each of treeOf(pid)) {
    const [, size = "0"] = /^Pss: +(\d+) kB/m.exec(read(`/proc/${each}/smaps_rollup`) ?? "") ?? [];
    sum += Number(size);
  }
  return sum;
}

function childrenOf(pid: number): number[] {
  return tasksOf(pid).flatMap((task) =>
    (read(`/proc/${pid}/task/${task}/children`) ?? "").split(" ").filter(Boolean).map(Number),
  );
}

function tasksOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

/** A file of a process; `undefined` when that has gone. */
export function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

function isGone(error: unknown): boolean {
  if (!(error instanceof Error) || !("code" in error)) return false;
  return error.code === "ENOENT" || error.code === "ESRCH";
}
