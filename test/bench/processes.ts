import { closeSync, constants, openSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { descriptorsOf } from "../support/process/proc.ts";
import { FIONREAD, system } from "../support/process/system-calls.ts";

// USER_HZ, in which the kernel tells times to programs (proc(5)), is 100 on all that Bun runs on.
const NANOSECONDS_A_TICK = 1e9 / 100;

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
 * Nanoseconds of processor time that a process, its children and theirs have used so far. Those
 * that run count to the nanosecond (schedstat: Linux Documentation/scheduler/sched-stats.rst),
 * those that were waited for in ticks, because the kernel tells nothing better of them. A thread
 * that ends is lost, so its process must keep its threads while it is measured.
 */
export function cpuOf(pid: number): number {
  let sum = 0;
  for (const each of treeOf(pid)) {
    for (const task of tasksOf(each)) {
      const [onProcessor = "0"] = read(`/proc/${each}/task/${task}/schedstat`)?.split(" ") ?? [];
      sum += Number(onProcessor);
    }
    sum += ticksOfChildren(each) * NANOSECONDS_A_TICK;
  }
  return sum;
}

function ticksOfChildren(pid: number): number {
  const stat = read(`/proc/${pid}/stat`);
  if (stat === undefined) return 0;
  // The name in parentheses may hold anything; cutime and cstime are fields 16 and 17 (proc(5)).
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return Number(fields[13]) + Number(fields[14]);
}

/**
 * KiB of memory that a process, its children and theirs take, whoever else runs the same program.
 * Their own memory counts once where several share it; of the program, other files and shared
 * memory counts what the process with most of these has. What the kernel holds is not in it.
 */
export function memoryOf(pid: number): number {
  let own = 0;
  let others = 0;
  for (const each of treeOf(pid)) {
    const rollup = read(`/proc/${each}/smaps_rollup`) ?? "";
    // Not `Pss` as a whole: the more processes have a page of the program, the less it counts.
    own += kibIn(rollup, "Pss_Anon");
    others = Math.max(others, kibIn(rollup, "Rss") - kibIn(rollup, "Anonymous"));
  }
  return own + others;
}

/** A field of smaps_rollup (proc(5)); 0 where the process has ended. */
function kibIn(rollup: string, field: string): number {
  return Number(new RegExp(`^${field}: +(\\d+) kB`, "m").exec(rollup)?.[1] ?? 0);
}

/** Bytes that are in the pipes of a process, its children and theirs. Each pipe counts once. */
export function pipeBytesOf(pid: number): number {
  const pipes = new Map<string, number>();
  for (const each of treeOf(pid)) {
    for (const fd of descriptorsOf(each, "pipe")) {
      const path = `/proc/${each}/fd/${fd}`;
      const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
      pipes.set(readlinkSync(path), Math.max(system.count(reader, FIONREAD), 0));
      closeSync(reader);
    }
  }
  return [...pipes.values()].reduce((sum, bytes) => sum + bytes, 0);
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
