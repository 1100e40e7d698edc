import { expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startRelay } from "../../support/process/executable.ts";
import { describeNeeding, program } from "../../support/machine/parts.ts";
import { folderForTests } from "../../support/temporary-folder.ts";

setDefaultTimeout(60_000);

const FIX = "raise it (LimitNOFILE= in a unit, ulimit -n elsewhere)";

/** The number of worker threads of a process. */
function workersOf(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`).map((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/comm`, "utf8"),
  );
  return threads.filter((name) => name.startsWith("worker ")).length;
}

await describeNeeding("where few descriptors are left", [program("prlimit")], () => {
  const folder = folderForTests("few-files");
  const admin = "--admin=127.0.0.1:0";
  const relays = join(folder, "relays.toml");
  writeFileSync(
    relays,
    Array.from(
      { length: 8 },
      (_, index) => `[relay.r${index}]\nsource = "127.0.0.1:0"\ndestination = "@absent${index}"\n`,
    ).join(""),
  );
  const one = ["127.0.0.1:0", "127.0.0.1:1"];

  interface Plan {
    readonly name: string;
    readonly files: number;
    readonly options: readonly string[];
    readonly workers: number;
  }

  test.each<Plan & { readonly warning: string }>([
    {
      ...{ name: "two workers", files: 64, options: ["--workers=2", ...one], workers: 2 },
      warning: `carries 8 at once: ${FIX} or lower --workers; up to 15 of the 64 open files are for 2 workers`,
    },
    {
      ...{ name: "more workers than can run", files: 128, options: ["--workers=8", ...one] },
      workers: 7,
      warning:
        `carries 8 at once: ${FIX} or lower --workers; up to 80 of the 128 open files are for ` +
        "7 workers; only 7 of 8 workers can run",
    },
    {
      ...{ name: "more workers than can run, and --connections-max", files: 128, workers: 7 },
      options: ["--workers=8", "--connections-max=20", ...one],
      warning:
        `--connections-max is 20, and the limit of open files carries 8: ${FIX} or lower ` +
        "--workers; up to 80 of the 128 open files are for 7 workers; only 7 of 8 workers can run",
    },
    {
      ...{ name: "--admin", files: 64, options: [admin, ...one], workers: 0 },
      warning: `carries 1 at once: ${FIX}; up to 37 of the 64 open files are for --admin`,
    },
    {
      ...{ name: "eight relays", files: 64, options: [`--config=${relays}`], workers: 0 },
      warning:
        `the limit of open files carries 1 at once: ${FIX}; up to 30 of the 64 open files are ` +
        "for 8 relays",
    },
  ])(
    "a warning says what the files are for: $name",
    async ({ files, options, workers, warning }) => {
      await using relay = await startRelay(options, {
        prefix: ["prlimit", `--nofile=${files}:${files}`],
      });
      await relay.logged(/"event":"few_files"/);
      expect(relay.stderr()).toContain(warning);
      expect(workersOf(relay.pid)).toBe(workers);
    },
  );

  // Half of what the relay would carry alone, and what the options ask for, are no reason to warn.
  test.each<Plan>([
    { name: "four workers", files: 128, options: ["--workers=4", ...one], workers: 4 },
    { name: "--admin", files: 128, options: [admin, ...one], workers: 0 },
    {
      ...{ name: "more workers than connections", files: 128, workers: 2 },
      options: ["--workers=8", "--connections-max=2", ...one],
    },
    { name: "one relay", files: 64, options: one, workers: 0 },
  ])("no warning where enough is left: $name", async ({ files, options, workers }) => {
    await using relay = await startRelay(options, {
      prefix: ["prlimit", `--nofile=${files}:${files}`],
    });
    expect(workersOf(relay.pid)).toBe(workers);
    expect(await relay.stop()).toBe(0);
    expect(relay.stderr()).not.toContain("few_files");
  });
});
