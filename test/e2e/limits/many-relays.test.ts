import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startRelay } from "../../support/process/executable.ts";
import { cpuOf } from "../../bench/processes.ts";
import { until } from "../../support/waiting.ts";
import { folderForTests } from "../../support/temporary-folder.ts";

const folder = folderForTests("many-relays");

/** Runs a file of so many relays; gives the memory and the nanoseconds of CPU of their start. */
async function run(relays: number, workers: number) {
  const file = join(folder, "relays.toml");
  const tables = Array.from({ length: relays }, (_, index) => [
    `[relay.r${index}]`,
    `source = "${join(folder, String(index))}"`,
    `destination = "${join(folder, "absent")}"`,
  ]);
  writeFileSync(file, [`workers = ${workers}`, ...tables.flat(), ""].join("\n"));
  await using running = await startRelay([`--config=${file}`]);
  const listening = () => running.stderr().split('"event":"listening"').length - 1;
  await until(
    () => listening() === relays,
    () => `${listening()} of ${relays} relays`,
    60_000,
  );
  const cpu = cpuOf(running.pid);
  const status = readFileSync(`/proc/${running.pid}/status`, "utf8");
  const [, kib = "0"] = /^VmRSS:\s+(\d+)/m.exec(status) ?? [];
  expect(await running.stop()).toBe(0);
  return { cpu, kib: Number(kib) };
}

test.each([1, 3])("20 relays take hardly more memory than one: %i threads", async (workers) => {
  const one = await run(1, workers);
  const many = await run(20, workers);
  expect(many.kib / one.kib).toBeLessThan(1.2);
});

test.each([1, 3])(
  "200 relays cost the processor less than 15 times what 20 cost: %i threads",
  async (workers) => {
    // About 5 times, because a start has a cost of its own. If each relay were compared with each
    // other by looks at the file system, it would be nearer to 100 times.
    const some = await run(20, workers);
    const many = await run(200, workers);
    expect(many.cpu / some.cpu).toBeLessThan(15);
  },
);
