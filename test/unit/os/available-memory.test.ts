import { expect, test } from "bun:test";
import { availableMemory } from "../../../src/os/available-memory.ts";

const MACHINE = 1e10;

/** What a process may use, whose system has these files. */
function available(files: Readonly<Record<string, string>>): number {
  return availableMemory((path) => files[path], MACHINE);
}

test("without a control group it is what the machine has", () => {
  expect(available({})).toBe(MACHINE);
  expect(available({ "/proc/self/cgroup": "0::/\n" })).toBe(MACHINE);
});

test("version 2: the lowest limit of the group and of those above", () => {
  const files = {
    "/proc/self/cgroup": "0::/system.slice/relay.service\n",
    "/sys/fs/cgroup/system.slice/relay.service/memory.max": "max\n",
    "/sys/fs/cgroup/system.slice/memory.max": "3000\n",
    "/sys/fs/cgroup/memory.max": "max\n",
  };
  expect(available(files)).toBe(3000);
  const high = { "/sys/fs/cgroup/system.slice/relay.service/memory.high": "2000\n" };
  expect(available({ ...files, ...high })).toBe(2000);
});

test("version 2 in a container, whose path may be the host's", () => {
  expect(
    available({
      "/proc/self/cgroup": "0::/../docker/123\n",
      "/sys/fs/cgroup/memory.max": "4000\n",
    }),
  ).toBe(4000);
});

test("version 1, beside an empty version 2", () => {
  const files = {
    "/proc/self/cgroup": "12:cpu,cpuacct:/a\n5:memory:/a/b\n0::/\n",
    "/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes": "9223372036854771712\n",
    "/sys/fs/cgroup/memory/a/memory.limit_in_bytes": "5000\n",
    "/sys/fs/cgroup/cpu,cpuacct/a/memory.limit_in_bytes": "1\n",
  };
  expect(available(files)).toBe(5000);
});

test("of this process it is more than a relay needs", () => {
  expect(availableMemory()).toBeGreaterThan(64 * 1024 * 1024);
});
