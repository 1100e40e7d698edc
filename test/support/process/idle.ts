import { expect } from "bun:test";
import { cpuSeconds } from "./proc.ts";

// Processor time that an idle process may use, in seconds.
const IN_ONE_SECOND = 0.05;
// The runtime may tidy up after what came before. A loop takes more than that in any one second.
const IN_FIVE_SECONDS = 0.3;

/**
 * Sees that a process sleeps: it takes next to no processor time in the next second or, if it does,
 * no more in five seconds together than the runtime needs to tidy up.
 *
 * @param used - the seconds of processor time that the process has used so far
 */
export async function expectIdle(used: () => number): Promise<void> {
  const before = used();
  await Bun.sleep(1_000);
  if (used() - before <= IN_ONE_SECOND) return;
  await Bun.sleep(4_000);
  expect(used() - before, "processor time in 5 s").toBeLessThanOrEqual(IN_FIVE_SECONDS);
}

/** The same of a process by its id. */
export function expectIdleProcess(pid: number): Promise<void> {
  return expectIdle(() => cpuSeconds(pid));
}
