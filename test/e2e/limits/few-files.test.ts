import { expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startRelay } from "../../support/process/executable.ts";
import { kernelPipesMost } from "../../../src/relay/stream/kernel-pipe.ts";
import { describeNeeding, program } from "../../support/machine/parts.ts";
import { descriptors, descriptorsOf } from "../../support/process/proc.ts";
import { Payload } from "../../support/sockets/payload.ts";
import { RawListener, RawSocket } from "../../support/sockets/raw-socket.ts";
import { folderForTests } from "../../support/temporary-folder.ts";
import { until } from "../../support/waiting.ts";

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
    {
      ...{ name: "one relay, and files for 1", files: 32, options: one, workers: 0 },
      warning: `the limit of open files carries 1 at once: ${FIX}"`,
    },
    {
      ...{ name: "one relay, and files for 15", files: 64, options: one, workers: 0 },
      warning: `the limit of open files carries 15 at once: ${FIX}"`,
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
    { name: "one relay", files: 80, options: one, workers: 0 },
  ])("no warning where enough is left: $name", async ({ files, options, workers }) => {
    await using relay = await startRelay(options, {
      prefix: ["prlimit", `--nofile=${files}:${files}`],
    });
    expect(workersOf(relay.pid)).toBe(workers);
    expect(await relay.stop()).toBe(0);
    expect(relay.stderr()).not.toContain("few_files");
  });

  test("eight workers that hold bulk in their kernel pipes stay within the files", async () => {
    // So many files that their kernel pipes would not fit into what other parts leave unused.
    const [WORKERS, FILES] = [8, 512];
    using stack = new DisposableStack();
    const keep = <End extends { close(): void }>(end: End): End =>
      stack.adopt(end, () => end.close());
    const listener = keep(new RawListener({ kind: "unix", path: join(folder, "destination") }));
    const source = { kind: "unix", path: join(folder, "source") } as const;
    await using relay = await startRelay(
      [`--workers=${WORKERS}`, source.path, join(folder, "destination")],
      { prefix: ["prlimit", `--nofile=${FILES}:${FILES}`] },
    );
    const [, most = ""] = /"connections_max":(\d+)/.exec(relay.stderr()) ?? [];
    const pipesBefore = descriptorsOf(relay.pid, "pipe").length;
    const [payload, part] = [new Payload(2 * 1024 * 1024), 1024 * 1024];
    // With all places taken, each worker has its part of the connections.
    const ends = await Promise.all(
      Array.from({ length: Number(most) }, async () => {
        const client = keep(await RawSocket.connect(source));
        return { client, destination: keep(await listener.accept()) };
      }),
    );
    const sending = Promise.all(ends.map(({ destination }) => destination.pour(payload)));
    // Clients that have read for a while and then read no more leave bytes in the relay.
    await Promise.all(ends.map(({ client }) => client.read(part)));
    const pipes = () => descriptorsOf(relay.pid, "pipe").length - pipesBefore;
    const allowed = 2 * WORKERS * kernelPipesMost(WORKERS, FILES);
    await until(
      () => pipes() >= allowed,
      () => `${allowed} descriptors of kernel pipes; there are ${pipes()}`,
    );
    expect(pipes()).toBe(allowed);
    expect(descriptors(relay.pid).length).toBeLessThanOrEqual(FILES);
    for (const { client } of ends)
      expect(await client.read(payload.length - part)).toEqual(payload.rest(part).received());
    for (const sent of await sending) expect(sent).toEqual({ sent: payload.length, failure: null });
    expect(pipes()).toBe(allowed);
    stack.dispose();
    expect(await relay.stop()).toBe(0);
    expect(relay.stderr()).not.toContain("no descriptor is left");
  });
});
