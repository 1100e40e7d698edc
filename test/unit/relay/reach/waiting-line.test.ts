import { afterEach, expect, jest, test } from "bun:test";
import {
  type FailedTry,
  type Waiter,
  WaitingLine,
} from "../../../../src/relay/reach/waiting-line.ts";
import { until } from "../../../support/waiting.ts";

const SHORTAGE: FailedTry = { kind: "shortage", failures: [{ address: "", code: "EAGAIN" }] };
const REFUSED: FailedTry = { kind: "refused", failures: [{ address: "", code: "ECONNREFUSED" }] };

afterEach(() => void jest.useRealTimers());

/** A destination with so many places, and the names of those who got or asked for one. */
class Destination {
  readonly line = new WaitingLine();
  readonly tries: string[] = [];
  readonly entered: string[] = [];
  places = 0;
  failure = SHORTAGE;

  /** Somebody who asks for a place, and knows at once whether there is one. */
  come(name: string): Waiter {
    const waiter: Waiter = {
      tryAgain: () => {
        this.tries.push(name);
        if (this.places === 0) return this.line.waitOn(waiter, this.failure);
        this.places -= 1;
        this.entered.push(name);
        this.line.succeeded(waiter);
      },
    };
    if (this.line.isEmpty) waiter.tryAgain();
    else this.line.join(waiter);
    return waiter;
  }
}

const tried = (destination: Destination, times: number) =>
  until(() => destination.tries.length >= times, `${times} tries`);

test("who comes while nobody waits, and gets in, does not wait", () => {
  const destination = new Destination();
  destination.places = 1;
  destination.come("a");
  expect(destination.entered).toEqual(["a"]);
  expect(destination.line.isEmpty).toBe(true);
});

test("only the one in front asks", async () => {
  const destination = new Destination();
  for (const name of "abc") destination.come(name);
  await tried(destination, 5);
  expect(new Set(destination.tries)).toEqual(new Set("a"));
  destination.places = 3;
  await until(() => destination.line.isEmpty, "all to get in");
});

test("as there is room, they get in in order of arrival, as many as there is room for", async () => {
  const destination = new Destination();
  for (const name of "abcd") destination.come(name);
  destination.places = 3;
  await until(() => destination.entered.length === 3, "three to get in");
  // Nobody waited for a timer between them.
  expect(destination.tries.slice(-4)).toEqual(["a", "b", "c", "d"]);
  destination.come("e");
  destination.places = 2;
  await until(() => destination.line.isEmpty, "all to get in");
  expect(destination.entered).toEqual([..."abcde"]);
});

test("who leaves frees its place, in front as well as behind", async () => {
  const destination = new Destination();
  const [a, , c] = [..."abcd"].map((name) => destination.come(name));
  if (a === undefined || c === undefined) throw new Error("four came");
  destination.line.leave(a);
  destination.line.leave(c);
  destination.places = 4;
  await until(() => destination.line.isEmpty, "all to get in");
  expect(destination.entered).toEqual(["b", "d"]);
  expect(destination.places).toBe(2);
});

test("one who fails for good leaves while it tries: the next one is asked in the same turn", async () => {
  const line = new WaitingLine();
  const tries: number[] = [];
  const first: Waiter = { tryAgain: () => {} };
  line.waitOn(first, REFUSED);
  for (let name = 0; name < 5_000; name += 1) {
    const waiter: Waiter = {
      tryAgain() {
        tries.push(name);
        line.leave(waiter);
      },
    };
    line.join(waiter);
  }
  line.leave(first);
  await until(() => line.isEmpty, "all to leave");
  expect(tries).toEqual(Array.from({ length: 5_000 }, (_, name) => name));
});

test("while the one in front does not know yet, nobody else is asked", async () => {
  const line = new WaitingLine();
  const tries: string[] = [];
  const slow: Waiter = { tryAgain: () => void tries.push("slow") };
  const next: Waiter = {
    tryAgain() {
      tries.push("next");
      line.succeeded(next);
    },
  };
  line.waitOn(slow, REFUSED);
  line.join(next);
  await until(() => line.isTrying(slow), "the first one to try");
  await Bun.sleep(20);
  expect(tries).toEqual(["slow"]);
  // In vain; then it gets in.
  line.waitOn(slow, REFUSED);
  await until(() => line.isTrying(slow), "the first one to try again");
  line.succeeded(slow);
  await until(() => line.isEmpty, "the next one to get in");
  expect(tries).toEqual(["slow", "slow", "next"]);
});

test("tells what the one in front has met, and nothing once it got in", async () => {
  const destination = new Destination();
  destination.come("a");
  destination.come("b");
  expect(destination.line.lastFailure).toBe(SHORTAGE);
  destination.failure = REFUSED;
  await until(() => destination.line.lastFailure === REFUSED, "another reason");
  destination.places = 2;
  await until(() => destination.line.isEmpty, "both to get in");
  expect(destination.line.lastFailure).toBe(null);
});

test("who gets in past the line wakes it", () => {
  jest.useFakeTimers();
  const line = new WaitingLine();
  let tries = 0;
  const waiter: Waiter = {
    tryAgain() {
      tries += 1;
      line.waitOn(waiter, REFUSED);
    },
  };
  line.waitOn(waiter, REFUSED);
  // By then the pause is 512 ms: each is twice the one before.
  for (let passed = 0; tries < 10 && passed < 10_000; passed += 1) jest.advanceTimersByTime(1);
  expect(tries).toBe(10);
  line.succeeded({ tryAgain() {} });
  jest.advanceTimersByTime(200);
  expect(tries).toBeGreaterThan(10);
  line.leave(waiter);
});

test("tries less often the longer it fails, but every 50 ms during a shortage", () => {
  jest.useFakeTimers();
  const destination = new Destination();
  const waiter = destination.come("a");
  const triesWithin = (milliseconds: number): number => {
    const before = destination.tries.length;
    jest.advanceTimersByTime(milliseconds);
    return destination.tries.length - before;
  };
  expect(triesWithin(50)).toBeGreaterThan(3);
  jest.advanceTimersByTime(950);
  expect(triesWithin(500)).toBe(10);
  destination.line.leave(waiter);
});
