import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { processorsMost } from "../../../src/os/processors.ts";

let root: string;
beforeEach(() => void (root = mkdtempSync(join(tmpdir(), "processors-"))));
afterEach(() => rmSync(root, { recursive: true }));

const OF_THE_MACHINE = availableParallelism();
const V1 = "2:cpu,cpuacct:/system.slice/relay.service\n1:name=systemd:/\n0::/\n";
const V2 = "0::/system.slice/relay.service\n";
const SERVICE = "system.slice/relay.service";

/** What /proc/self/cgroup says, the groups' files, and how many processors that makes. */
const CASES: [string, string, Record<string, string>, number][] = [
  ["no /proc", "", {}, OF_THE_MACHINE],
  ["no quota of v2", V2, { [`${SERVICE}/cpu.max`]: "max 100000\n" }, OF_THE_MACHINE],
  ["a quota of v2", V2, { [`${SERVICE}/cpu.max`]: "100000 100000\n" }, 1],
  ["a part of a processor", V2, { [`${SERVICE}/cpu.max`]: "20000 100000\n" }, 1],
  ["more than a processor", V2, { [`${SERVICE}/cpu.max`]: "199999 100000\n" }, 1],
  [
    "more than the machine has",
    V2,
    { [`${SERVICE}/cpu.max`]: "99900000 100000\n" },
    OF_THE_MACHINE,
  ],
  [
    "a quota of a group above",
    V2,
    { "system.slice/cpu.max": "100000 100000\n", [`${SERVICE}/cpu.max`]: "max 100000\n" },
    1,
  ],
  ["a container that sees its own group as the root", V2, { "cpu.max": "50000 50000\n" }, 1],
  ["a name with a colon", "0::/a:b\n", { "a:b/cpu.max": "100000 100000\n" }, 1],
  [
    "no quota of v1",
    V1,
    {
      [`cpu/${SERVICE}/cpu.cfs_quota_us`]: "-1\n",
      [`cpu/${SERVICE}/cpu.cfs_period_us`]: "100000\n",
    },
    OF_THE_MACHINE,
  ],
  [
    "a quota of v1",
    V1,
    {
      [`cpu/${SERVICE}/cpu.cfs_quota_us`]: "150000\n",
      [`cpu/${SERVICE}/cpu.cfs_period_us`]: "100000\n",
    },
    1,
  ],
  ["a membership without a path", "0::\n", {}, OF_THE_MACHINE],
  ["a file that says nothing", V2, { [`${SERVICE}/cpu.max`]: "" }, OF_THE_MACHINE],
];

test.each(CASES)("%s", (_name, memberships, files, processors) => {
  if (memberships !== "") write("proc/self/cgroup", memberships);
  for (const [file, text] of Object.entries(files)) write(join("sys/fs/cgroup", file), text);
  expect(processorsMost(root)).toBe(processors);
});

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}
