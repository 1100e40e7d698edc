import { expect, test } from "bun:test";
import { SharedCounters } from "../../../src/workers/shared-counters.ts";

test("of workers that see all places taken only the first says so, until a place is free", () => {
  const one = SharedCounters.forWorkers(2);
  const other = new SharedCounters(one.buffer);
  one.opened(0);
  other.opened(1);
  expect(one.filled()).toBe(true);
  expect(other.filled()).toBe(false);
  other.closed(1);
  other.opened(1);
  expect(other.filled()).toBe(true);
  expect(one.filled()).toBe(false);
  one.leave(1);
  expect(one.filled()).toBe(true);
});

test("ids go on above those of the relay before, and begin anew after 2^32", () => {
  const counters = SharedCounters.forWorkers(1, 1_000_000);
  expect([counters.lastId, counters.nextId(), counters.lastId]).toEqual([
    1_000_000, 1_000_001, 1_000_001,
  ]);
  const last = SharedCounters.forWorkers(1, 2 ** 31 - 1);
  expect([last.nextId(), last.nextId()]).toEqual([2 ** 31, 2 ** 31 + 1]);
  expect(SharedCounters.forWorkers(1, 2 ** 32 - 1).nextId()).toBe(1);
});
