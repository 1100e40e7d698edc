import type { RawSocket } from "../sockets/raw-socket.ts";
import { must, system } from "../process/system-calls.ts";
import type { ProcessPlan } from "./plan.ts";

/** What became of an end that was a process. */
export interface ProcessOutcome {
  readonly kind: "process";
  readonly killed: boolean;
}

// Longer than any session: what is left over then is not to outlive the tests.
const LIFE_MOST = 60_000;

// asm-generic/ioctls.h. The int that it takes is 0: the descriptor blocks.
const FIONBIO = 0x5421;

/**
 * Hands a socket to a process that sends back what it gets until its end of stream, and stops and
 * continues that process as planned.
 */
export async function actProcess(end: RawSocket, plan: ProcessPlan): Promise<ProcessOutcome> {
  must("FIONBIO", system.count(end.fd, FIONBIO));
  const fd = end.handOver();
  const child = Bun.spawn(["cat"], {
    stdin: fd,
    stdout: fd,
    stderr: "ignore",
    timeout: LIFE_MOST,
    killSignal: "SIGKILL",
  });
  must("close", system.close(fd));
  for (const { runs, stopped } of plan.turns) {
    await Bun.sleep(runs);
    child.kill("SIGSTOP");
    await Bun.sleep(stopped);
    if (plan.killed && stopped === plan.turns.at(-1)?.stopped) child.kill("SIGKILL");
    child.kill("SIGCONT");
  }
  await child.exited;
  return { kind: "process", killed: child.signalCode === "SIGKILL" };
}
