import { describe, expect, spyOn, test } from "bun:test";
import fc from "fast-check";
import { SharedClientCounts } from "../../../src/workers/shared-client-counts.ts";
import { holds } from "../../support/property.ts";

const CONNECTIONS = 6;

function countsOf(workers: number): SharedClientCounts[] {
  const buffer = SharedClientCounts.bufferFor(workers, CONNECTIONS);
  return Array.from(
    { length: workers },
    (_, worker) => new SharedClientCounts(buffer, workers, worker),
  );
}

/** The first of the workers' counts. */
function countsOfOne(): SharedClientCounts {
  const [counts] = countsOf(1);
  if (counts === undefined) throw new Error("no worker");
  return counts;
}

describe("a client's connections", () => {
  test("are counted over all workers", () => {
    const workers = countsOf(3);
    let count = 0;
    for (const worker of [...workers, ...workers]) expect(worker.enter(7n)).toBe((count += 1));
    expect(workers[0]?.enter(8n)).toBe(1);
    workers[1]?.leave(7n);
    expect(workers[2]?.enter(7n)).toBe(6);
  });

  test("of a worker that is gone do not count", () => {
    const [first, second] = countsOf(2);
    first?.enter(7n);
    first?.enter(7n);
    expect(second?.enter(7n)).toBe(3);
    first?.clear();
    expect(second?.enter(7n)).toBe(2);
  });

  test("are none of a client that never came", () => {
    const counts = countsOfOne();
    counts.leave(7n);
    expect(counts.enter(7n)).toBe(1);
  });

  test.each([0n, 1n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 63n, 2n ** 64n - 1n])(
    "are those of %p alone",
    (client) => {
      const counts = countsOfOne();
      counts.enter(client);
      for (const other of [client ^ 1n, client ^ (1n << 32n), client ^ (1n << 63n)])
        expect(counts.enter(other)).toBe(1);
      expect(counts.enter(client)).toBe(2);
    },
  );
});

test("thousands of clients, one after the other, need no more room than few", () => {
  const counts = countsOfOne();
  for (let client = 0n; client < 20_000n; client += 1n) {
    expect(counts.enter(client)).toBe(1);
    if (client >= 5n) counts.leave(client - 5n);
  }
});

test("a client is found at once, however many clients have come and gone", () => {
  const connections = 300;
  const counts = new SharedClientCounts(SharedClientCounts.bufferFor(1, connections), 1, 0);
  const open: bigint[] = [];
  for (let client = 0n; client < 50_000n; client += 1n) {
    counts.enter(client);
    if (open.length < connections - 1) open.push(client);
    // Which client leaves is by chance, as far as the table can tell.
    else counts.leave(open.splice(Number((client * 7n) % BigInt(open.length)), 1, client)[0] ?? 0n);
  }
  using loads = spyOn(Atomics, "load");
  const strangers = 100;
  for (let client = 0n; client < strangers; client += 1n) {
    expect(counts.enter(-1n - client)).toBe(1);
    counts.leave(-1n - client);
  }
  expect(loads.mock.calls.length / strangers).toBeLessThan(50);
});

test("a worker that reads while another one changes its table reads again", () => {
  const [owner, reader] = countsOf(2);
  owner?.enter(7n);
  const load = Atomics.load.bind(Atomics);
  let isChanged = false;
  using loads = spyOn(Atomics, "load");
  loads.mockImplementation(((words: Int32Array, index: number) => {
    const value = load(words, index);
    // The generations of both workers: the reader has just chosen the table of the first one.
    if (words.length === 2 && index === 0 && !isChanged) {
      isChanged = true;
      for (const client of [1n, 2n, 3n, 4n]) owner?.enter(client);
      for (const client of [1n, 2n, 3n, 4n]) owner?.leave(client);
      owner?.enter(7n);
    }
    return value;
  }) as typeof Atomics.load);
  expect(reader?.enter(7n)).toBe(3);
  expect(isChanged).toBe(true);
});

test("any coming and going, over any workers, is counted as one map would", () => {
  // Few clients and full tables, so that slots are left and taken in all orders.
  const step = fc.record({
    worker: fc.nat(2),
    client: fc.nat(9).map((low) => BigInt(low) << (low % 2 === 0 ? 0n : 33n)),
    kind: fc.constantFrom("enter", "enter", "leave", "clear"),
  });
  holds(
    import.meta.path,
    fc.property(fc.array(step, { maxLength: 200, size: "max" }), (steps) => {
      const workers = countsOf(3);
      const open = workers.map(() => new Map<bigint, number>());
      for (const { worker, client, kind } of steps) {
        const counts = workers[worker];
        const own = open[worker];
        if (counts === undefined || own === undefined) continue;
        const before = own.get(client) ?? 0;
        const total = [...own.values()].reduce((sum, count) => sum + count, 0);
        if (kind === "enter" && total < CONNECTIONS) {
          own.set(client, before + 1);
          const expected = open.reduce((sum, map) => sum + (map.get(client) ?? 0), 0);
          expect(counts.enter(client)).toBe(expected);
        } else if (kind === "leave" && before > 0) {
          own.set(client, before - 1);
          counts.leave(client);
        } else if (kind === "clear" && total % 5 === 4) {
          own.clear();
          counts.clear();
        }
      }
    }),
    { runs: 1_000 },
  );
});
