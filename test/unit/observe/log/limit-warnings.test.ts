import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { LimitWarnings } from "../../../../src/observe/log/limit-warnings.ts";

const SECOND = 1_000;

let clock = 0;
let lasted: number[] = [];
let spell: LimitWarnings;

beforeEach(() => {
  jest.useFakeTimers();
  clock = 0;
  lasted = [];
  spell = new LimitWarnings(
    (milliseconds) => lasted.push(milliseconds),
    () => clock,
  );
});

afterEach(() => {
  jest.useRealTimers();
});

function pass(seconds: number): void {
  for (let passed = 0; passed < seconds; passed += 1) {
    clock += SECOND;
    jest.advanceTimersByTime(SECOND);
  }
}

function reach(): boolean {
  spell.paused(1);
  return spell.warnsNow();
}

test("the end is told when the limit was not reached again for ten seconds", () => {
  expect(reach()).toBe(true);
  pass(30);
  spell.paused(-1);
  pass(9);
  expect(lasted).toEqual([]);
  pass(1);
  expect(lasted).toEqual([30 * SECOND]);
  pass(60);
  expect(lasted).toHaveLength(1);
});

test("a limit that is reached again and again is one spell, with a warning a minute", () => {
  let warnings = 0;
  for (let second = 0; second < 150; second += 1) {
    if (reach()) warnings += 1;
    pass(1);
    spell.paused(-1);
  }
  expect({ warnings, lasted }).toEqual({ warnings: 3, lasted: [] });
  pass(10);
  expect(lasted).toEqual([150 * SECOND]);
});

test("the next spell is warned of at once", () => {
  reach();
  spell.paused(-1);
  pass(10);
  expect(reach()).toBe(true);
  spell.paused(-1);
  pass(10);
  expect(lasted).toHaveLength(2);
});

test("the limit is left when all threads have left it", () => {
  reach();
  spell.paused(1);
  pass(5);
  spell.paused(-1);
  pass(20);
  expect(lasted).toEqual([]);
  spell.paused(-1);
  pass(10);
  expect(lasted).toEqual([25 * SECOND]);
});

test("nothing is told of a spell without a warning, or of one that was cancelled", () => {
  spell.paused(1);
  spell.paused(-1);
  pass(20);
  reach();
  spell.paused(-1);
  spell.cancel();
  pass(20);
  expect(lasted).toEqual([]);
});
