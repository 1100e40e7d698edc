import { afterEach, expect, jest, test } from "bun:test";
import {
  LingeringClose,
  type LingeringSide,
  type Stay,
} from "../../../../src/relay/connection/lingering-close.ts";
import { Side } from "../../../../src/relay/stream/side.ts";
import { until } from "../../../support/waiting.ts";

/** A side that takes what the test says. */
class Reader extends Side implements LingeringSide {
  stay: Stay | null = null;
  /** Bytes that the relay has for it. */
  pending = 0;
  /** Bytes that the kernel has for it. */
  inKernel = 0;
  looks = 0;
  over: "reset" | "closed" | null = null;

  constructor(
    readonly isTcp: boolean,
    readonly lingering: LingeringClose,
  ) {
    super();
  }

  override unsent(): number {
    this.looks += 1;
    return this.inKernel;
  }

  override terminate(): void {
    this.#end("reset");
  }

  override close(): void {
    this.#end("closed");
  }

  #end(how: "reset" | "closed"): void {
    this.over = how;
    this.lingering.delete(this);
  }
}

const FAREWELL = 200;

test("a reset waits until a TCP side's kernel has everything", async () => {
  const lingering = new LingeringClose({ farewell: FAREWELL, standstill: 60_000 });
  const reader = new Reader(true, lingering);
  reader.inKernel = 100;
  lingering.add(reader, "reset");
  await Bun.sleep(2 * FAREWELL);
  expect(reader.over).toBeNull();
  reader.inKernel = 0;
  await until(() => reader.over !== null, "the reset");
  expect(reader.over).toBe("reset");
});

test("a reset comes at once if a side has everything, and to a Unix side if the kernel has", () => {
  const lingering = new LingeringClose({ farewell: FAREWELL, standstill: 60_000 });
  const tcp = new Reader(true, lingering);
  lingering.add(tcp, "reset");
  const unix = new Reader(false, lingering);
  unix.inKernel = 100;
  lingering.add(unix, "reset");
  expect([tcp.over, unix.over]).toEqual(["reset", "reset"]);
});

test("a reset does not wait for a side that takes nothing, but for one that takes in steps", async () => {
  const standstill = 400;
  const lingering = new LingeringClose({ farewell: FAREWELL, standstill });
  const [still, slow] = [new Reader(true, lingering), new Reader(true, lingering)];
  for (const reader of [still, slow]) {
    reader.pending = 1_000;
    reader.inKernel = 1_000;
    lingering.add(reader, "reset");
  }
  const since = performance.now();
  for (let step = 0; step < 8; step += 1) {
    await Bun.sleep(standstill / 4);
    slow.inKernel -= 1;
  }
  await until(() => still.over !== null, "the reset of the one that stands still");
  expect(still.over).toBe("reset");
  expect(performance.now() - since).toBeGreaterThanOrEqual(standstill);
  expect(slow.over).toBeNull();
  slow.pending = 0;
  slow.inKernel = 0;
  await until(() => slow.over !== null, "the other reset");
});

test("a close waits for the side's own end once it has everything, and no longer", async () => {
  const lingering = new LingeringClose({ farewell: FAREWELL, standstill: 10 });
  const reader = new Reader(true, lingering);
  reader.inKernel = 100;
  lingering.add(reader, "close");
  await Bun.sleep(2 * FAREWELL);
  expect(reader.over).toBeNull();
  reader.inKernel = 0;
  const since = performance.now();
  await until(() => reader.over !== null, "the close");
  expect(reader.over).toBe("closed");
  expect(performance.now() - since).toBeGreaterThanOrEqual(FAREWELL);
});

afterEach(() => void jest.useRealTimers());

test.each(["close", "reset"] as const)("looks at a side before a %s come further apart", (how) => {
  jest.useFakeTimers();
  const lingering = new LingeringClose({ farewell: FAREWELL, standstill: 60_000 });
  const reader = new Reader(true, lingering);
  reader.inKernel = 100;
  lingering.add(reader, how);
  const seen = reader.looks;
  jest.advanceTimersByTime(1_400);
  // Every 50 ms there were 28: it is 4 looks at 50, at 100 and at 200 ms, and so on.
  expect(reader.looks - seen).toBeWithin(4, 14);
  lingering.delete(reader);
});
