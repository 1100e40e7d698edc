import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { describeNeeding, program } from "../support/machine/parts.ts";
import { runProgram } from "../support/process/program.ts";

setDefaultTimeout(60_000);

const LIBRARY = JSON.stringify(join(import.meta.dir, "../../src/index.ts"));
const FIX = "raise the limit (LimitNOFILE= in a systemd unit, ulimit -n elsewhere)";

/** What a relay with some options warns of in a process of 128 files, and how many workers run. */
async function runWithFewFiles(options: string): Promise<unknown> {
  const script = `
    import { readdirSync, readFileSync } from "node:fs";
    import { createRelay } from ${LIBRARY};
    const warnings: string[] = [];
    const observer = { warning: (message: string) => void warnings.push(message) };
    const addresses = { source: "127.0.0.1:0", destination: "127.0.0.1:9" };
    const relay = await createRelay({ ...addresses, observer, ${options} });
    const threads = readdirSync("/proc/self/task").map((thread) =>
      readFileSync("/proc/self/task/" + thread + "/comm", "utf8"),
    );
    // A thread that a worker has just made still has the worker's name (pthread_create(3)).
    const workers = new Set(threads.filter((name) => name.startsWith("worker "))).size;
    await relay.stop();
    console.log(JSON.stringify({ warnings, workers }));
  `;
  const { code, stdout, stderr } = await runProgram(
    ["prlimit", "--nofile=128:128", process.execPath, "-e", script],
    { env: { PATH: process.env["PATH"] ?? "" } },
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout);
}

await describeNeeding("where the process has few files", [program("prlimit")], () => {
  // Seven workers have a connection each: `e2e/limits/few-files` has the same figures.
  test.each([
    {
      ...{ options: "workers: 8", workers: 7 },
      warnings: [`the limit of open files allows 7 workers, not 8: ${FIX}`],
    },
    {
      ...{ options: "workers: 8, connectionsMax: 20", workers: 7 },
      warnings: [
        `the limit of open files allows 7 workers, not 8: ${FIX}`,
        `the limit of open files allows 8 connections, not 20: ${FIX}`,
      ],
    },
    {
      ...{ options: "connectionsMax: 47", workers: 0 },
      warnings: [`the limit of open files allows 46 connections, not 47: ${FIX}`],
    },
    { options: "workers: 4, connectionsMax: 20", workers: 4, warnings: [] },
    { options: "connectionsMax: 46", workers: 0, warnings: [] },
  ])("$options: a warning for each number that is lowered", async (expected) => {
    const { options, ...told } = expected;
    expect(await runWithFewFiles(options)).toEqual(told);
  });
});
