import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";
import {
  CLIENTS_MOST,
  RepeatedLines,
  type Repeats,
} from "../../../../src/observe/log/hold-back-repeated-lines.ts";

const SECOND = 1_000;

let clock = 0;
let lines: (string | Repeats)[] = [];
let repeated: RepeatedLines;

beforeEach(() => {
  jest.useFakeTimers();
  clock = 0;
  lines = [];
  repeated = new RepeatedLines(() => clock);
});

afterEach(() => {
  jest.useRealTimers();
});

function pass(milliseconds: number): void {
  for (let passed = 0; passed < milliseconds; passed += SECOND) {
    clock += SECOND;
    jest.advanceTimersByTime(SECOND);
  }
}

function happen(times: number, reason = "refused", client = (index: number) => `${index}`): void {
  for (let index = 0; index < times; index += 1)
    repeated.add(
      reason,
      client(index),
      () => lines.push(reason),
      (repeats) => lines.push(repeats),
    );
}

const full = (times: number, reason = "refused") => Array<string>(times).fill(reason);

describe("of a reason", () => {
  test("a few lines are all written in full", () => {
    happen(10);
    pass(60 * SECOND);
    expect(lines).toEqual(full(10));
  });

  test("the first lines are written in full, the others counted once in ten seconds", () => {
    happen(5_000, "refused", (index) => `${index % 3}`);
    expect(lines).toEqual(full(10));
    pass(10 * SECOND);
    expect(lines.slice(10)).toEqual([{ count: 4_990, clients: 3, milliseconds: 10 * SECOND }]);
    happen(7);
    pass(10 * SECOND);
    expect(lines.slice(11)).toEqual([{ count: 7, clients: 7, milliseconds: 10 * SECOND }]);
  });

  test("lines are in full again after a minute without one", () => {
    happen(11);
    pass(59 * SECOND);
    happen(1);
    pass(60 * SECOND);
    happen(11);
    pass(10 * SECOND);
    const summed = { count: 1, clients: 1, milliseconds: 10 * SECOND };
    expect(lines).toEqual([...full(10), summed, summed, ...full(10), summed]);
  });

  test("no more clients are remembered than a bound", () => {
    happen(100_000);
    pass(10 * SECOND);
    expect(lines.at(-1)).toMatchObject({ count: 99_990, clients: CLIENTS_MOST });
  });

  test("what is counted is written at the end", () => {
    happen(13);
    pass(2 * SECOND);
    repeated[Symbol.dispose]();
    expect(lines.slice(10)).toEqual([{ count: 3, clients: 3, milliseconds: 2 * SECOND }]);
    pass(60 * SECOND);
    expect(lines).toHaveLength(11);
  });

  test("what another line says is forgotten", () => {
    happen(13, "unreachable ENOENT");
    happen(13, "refused");
    repeated.forget("unreachable ");
    pass(60 * SECOND);
    expect(lines).toEqual([
      ...full(10, "unreachable ENOENT"),
      ...full(10),
      { count: 3, clients: 3, milliseconds: 10 * SECOND },
    ]);
  });
});

test("reasons do not take each other's lines", () => {
  happen(11, "one");
  happen(11, "two");
  expect(lines).toEqual([...full(10, "one"), ...full(10, "two")]);
});

test("however many reasons there are, their lines are bounded", () => {
  for (let reason = 0; reason < 10_000; reason += 1) happen(1, `reason ${reason}`);
  expect(lines.length).toBeLessThan(100);
  pass(10 * SECOND);
  expect(lines.length).toBeLessThan(100);
  // Quiet ones make room.
  pass(60 * SECOND);
  lines = [];
  happen(1, "another");
  expect(lines).toEqual(["another"]);
});
