import { describe, expect, test } from "bun:test";
import { WorkerPool } from "../../../src/workers/worker-pool.ts";

const nobody = () => 0;

describe("a limit that all relays share", () => {
  const partsOf = (pool: WorkerPool) =>
    pool.place(Infinity, nobody).slots.map((slot) => pool.partOf(slot));

  test.each([
    [3, 10, [4, 3, 3]],
    [3, 3, [1, 1, 1]],
    [2, 1_000, [500, 500]],
    // No worker without a place.
    [3, 2, [1, 1]],
    [3, 1, [1]],
  ])("of %i workers and %i places", (workers, sharedMax, parts) => {
    const pool = new WorkerPool(workers, { sharedMax });
    expect(pool.workers).toBe(parts.length);
    expect(partsOf(pool)).toEqual(parts);
  });

  test("is reached when all relays together have as many connections", () => {
    const pool = new WorkerPool(2, { sharedMax: 5 });
    const open = [3, 1];
    for (const relay of [0, 1]) pool.place(5, () => open[relay] ?? 0);
    expect(pool.reachedTogether).toBeNull();
    open[1] = 2;
    expect(pool.reachedTogether).toBe(5);
  });

  test("is none where nobody asked for one", () => {
    const pool = new WorkerPool(2);
    expect(partsOf(pool)).toEqual([null, null]);
    expect(pool.reachedTogether).toBeNull();
  });
});
