import { until } from "../waiting.ts";
import { childrenOf } from "./proc.ts";

/**
 * The processes to which a first process has handed over, the oldest first. A short-lived child of
 * the first process starts each of them, and may still be there, or be a zombie, when the new
 * process logs that it took over. So this waits until `number` children are left.
 */
export async function successorsOf(pid: number, number: number): Promise<readonly number[]> {
  await until(
    () => childrenOf(pid).length === number,
    () => `${childrenOf(pid).length} children of process ${pid} to be ${number}`,
  );
  return childrenOf(pid);
}

/** The one process to which a first process has handed over. */
export async function successorOf(pid: number): Promise<number> {
  const [successor = pid] = await successorsOf(pid, 1);
  return successor;
}
