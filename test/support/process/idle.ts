import { expect } from "bun:test";
import { cpuSeconds } from "./proc.ts";

// Processor time that an idle process may use, in seconds: a few ticks of the clock that counts it.
const IN_ONE_SECOND = 0.05;
// The runtime may tidy up after what came before. A loop takes more than that in any one second.
const IN_FIVE_SECONDS = 0.3;
// On a busy machine the kernel's buffers may still fill while the first five seconds are counted.
const TRIES = 3;

/**
 * Sees that a process sleeps: it takes next to no processor time in the next second or, if it does,
 * no more in some five seconds than the runtime needs to tidy up.
 *
 * @param used - the seconds of processor time that the process has used so far
 */
export async function expectIdle(used: () => number): Promise<void> {
  const begun = used();
  await Bun.sleep(1_000);
  if (used() - begun <= IN_ONE_SECOND) return;
  const inFiveSeconds: number[] = [];
  while (inFiveSeconds.length < TRIES) {
    const before = used();
    await Bun.sleep(5_000);
    const spent = used() - before;
    if (spent <= IN_FIVE_SECONDS) return;
    inFiveSeconds.push(spent);
  }
  expect(inFiveSeconds, "processor time in 5 s, several times").toEqual([]);
}

/** The same of a process by its id. */
export function expectIdleProcess(pid: number): Promise<void> {
  return expectIdle(() => cpuSeconds(pid));
}
