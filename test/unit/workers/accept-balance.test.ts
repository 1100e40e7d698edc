import { expect, spyOn, test } from "bun:test";
import { AcceptBalance } from "../../../src/workers/accept-balance.ts";
import { SharedCounters } from "../../../src/workers/shared-counters.ts";
import { until } from "../../support/waiting.ts";

const QUOTA = 1_000;

/** The first of two workers, and what its relay was told. */
function busyWorker() {
  const counts = SharedCounters.forWorkers(2);
  counts.join(0, QUOTA);
  counts.join(1, QUOTA);
  const calls: string[] = [];
  const balance = new AcceptBalance(counts, 0, {
    pauseFor: () => void calls.push("hold"),
    resumeFor: () => void calls.push("release"),
  });
  const take = (clients: number) => {
    for (let client = 0; client < clients && calls.at(-1) !== "hold"; client += 1) {
      counts.opened(0);
      balance.opened();
    }
  };
  return { counts, calls, balance, take };
}

test("a worker that is ahead by some clients steps back, and accepts again by itself", async () => {
  const { counts, calls, take } = busyWorker();
  take(100);
  expect(calls).toEqual(["hold"]);
  expect(counts.open(0)).toBe(5);
  await until(() => calls.length > 1, "the worker to accept again");
  expect(calls).toEqual(["hold", "release"]);
});

test("a worker does not step back while the other one has as many", () => {
  const { counts, calls, take } = busyWorker();
  for (let client = 0; client < 100; client += 1) {
    counts.opened(1);
    take(1);
  }
  expect(calls).toEqual([]);
});

test("a worker gets further ahead of one that takes none for long", async () => {
  const now = spyOn(performance, "now").mockReturnValue(0);
  try {
    const { counts, calls, take } = busyWorker();
    const steps: number[] = [];
    for (let step = 0; step < 5; step += 1) {
      now.mockReturnValue(step * 1_000);
      take(100);
      steps.push(counts.open(0));
      await until(() => calls.at(-1) === "release", "the worker to accept again");
    }
    const gains = steps.map((open, step) => open - (steps[step - 1] ?? 0));
    expect(gains.at(-1)).toBeGreaterThan(gains[0] ?? Infinity);
  } finally {
    now.mockRestore();
  }
});
