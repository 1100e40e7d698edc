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
