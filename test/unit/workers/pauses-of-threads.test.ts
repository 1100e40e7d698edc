import { expect, test } from "bun:test";
import { PausesOfThreads } from "../../../src/workers/pauses-of-threads.ts";

function pausing(threads: number) {
  const events: string[] = [];
  const pauses = new PausesOfThreads(threads, (reason, change) => {
    events.push(`${reason} ${change}`);
  });
  return { pauses, seen: () => events.splice(0) };
}

test("a relay pauses only while all its threads pause", () => {
  const { pauses, seen } = pausing(3);
  pauses.changed(0, "own", 1);
  pauses.changed(2, "own", 1);
  expect(seen()).toEqual([]);
  pauses.changed(1, "own", 1);
  expect(seen()).toEqual(["own 1"]);
  pauses.changed(2, "own", -1);
  expect(seen()).toEqual(["own -1"]);
  pauses.changed(2, "own", 1);
  expect(seen()).toEqual(["own 1"]);
});

test("a relay whose threads pause for different reasons has all of them", () => {
  const { pauses, seen } = pausing(2);
  pauses.changed(0, "own", 1);
  pauses.changed(1, "shared", 1);
  expect(seen()).toEqual(["own 1", "shared 1"]);
  pauses.changed(0, "memory", 1);
  expect(seen()).toEqual(["memory 1"]);
  pauses.changed(0, "own", -1);
  expect(seen()).toEqual(["own -1"]);
  pauses.changed(0, "memory", -1);
  expect(seen()).toEqual(["shared -1", "memory -1"]);
  pauses.changed(1, "shared", -1);
  expect(seen()).toEqual([]);
});

test("one thread is the relay", () => {
  const { pauses, seen } = pausing(1);
  pauses.changed(0, "descriptors", 1);
  pauses.changed(0, "descriptors", -1);
  expect(seen()).toEqual(["descriptors 1", "descriptors -1"]);
});
