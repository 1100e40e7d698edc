import { own, treeOf } from "./processes.ts";
import type { Relay } from "./relays.ts";

// strace and perf say nothing on which one could wait when they have attached themselves.
const ATTACHING_MILLISECONDS = 300;

/**
 * Runs a shell's command beside a load, and ends it by SIGINT after that. `$PIDS` is a list of the
 * relay's processes as strace and perf take it, `$OUT` the file.
 */
export async function withCommand<Result>(
  command: string,
  relay: Relay,
  file: string,
  work: () => Promise<Result>,
): Promise<Result> {
  if (relay.pid === undefined) return work();
  const child = own(
    Bun.spawn(["sh", "-c", `exec ${command}`], {
      env: { ...process.env, PIDS: treeOf(relay.pid).join(","), OUT: file },
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
    }),
  );
  const stderr = new Response(child.stderr).text();
  await Promise.race([child.exited, Bun.sleep(ATTACHING_MILLISECONDS)]);
  if (child.exitCode !== null) throw new Error(`${command} has ended: ${await stderr}`);
  try {
    return await work();
  } finally {
    child.kill("SIGINT");
    await child.exited;
  }
}
