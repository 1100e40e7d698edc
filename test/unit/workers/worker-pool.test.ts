import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";
import { combineObservers } from "../../../src/relay/combine-observers.ts";
import type { Batch, Start } from "../../../src/workers/worker-messages.ts";
import { memoryBound } from "../../../src/relay/limits/held-memory-limit.ts";
import { evenPart } from "../../../src/workers/divide-limit.ts";
import { WorkerPool } from "../../../src/workers/worker-pool.ts";
import { type SlotMember, WorkerSlot } from "../../../src/workers/worker-slot.ts";
import { FakeThread } from "./fake-thread.ts";

const RealWorker = globalThis.Worker;

beforeEach(() => {
  FakeThread.started.length = 0;
  Object.assign(globalThis, { Worker: FakeThread });
  jest.useFakeTimers();
});

afterEach(() => {
  jest.useRealTimers();
  globalThis.Worker = RealWorker;
});

/** A relay with a share in a slot, and what happened to it. */
class Member implements SlotMember {
  readonly faults: string[] = [];
  readonly batches: Batch[] = [];
  readonly observer = combineObservers([
    { fault: (error) => void this.faults.push(error instanceof Error ? error.message : "?") },
  ]);
  goesOn = true;
  open = 0;
  forgotten = 0;

  constructor(readonly relay: number) {}

  startOrder(): Start {
    return {
      kind: "start",
      relay: this.relay,
      index: 0,
      listeners: [],
      endpoint: { kind: "abstract", name: "none" },
      options: { destination: { kind: "abstract", name: "none" } },
      connectionsMax: 1,
      counts: new SharedArrayBuffer(4),
      sharedMax: null,
      memory: memoryBound(1, Infinity),
      thread: 0,
      threads: 1,
      workers: 1,
      clientCounts: null,
      wanted: [],
      held: false,
    };
  }

  batchArrived(batch: Batch): void {
    this.batches.push(batch);
  }

  lost(): number {
    return this.open;
  }

  forget(): void {
    this.forgotten += 1;
  }
}

function slotWith(...members: readonly Member[]): WorkerSlot {
  const slot = new WorkerSlot(1, new URL("file:///no-thread.ts"));
  for (const member of members) slot.join(member.relay, member);
  return slot;
}

/** Whether a promise settles by what has happened already. */
async function isSettled(promise: Promise<void>): Promise<boolean> {
  let settled = false;
  void promise.then(() => (settled = true));
  for (let turns = 0; turns < 10; turns += 1) await Promise.resolve();
  return settled;
}

describe("a slot's thread", () => {
  test("starts with the first relay and carries the others", () => {
    slotWith(new Member(5), new Member(7));
    expect(FakeThread.started).toHaveLength(1);
    expect(FakeThread.latest.relays).toEqual([5, 7]);
  });

  test("reports to the relay that a report is about", () => {
    const [one, other] = [new Member(5), new Member(7)];
    const slot = slotWith(one, other);
    const batch = { relay: 7, at: 0, reports: [] };
    FakeThread.latest.onmessage?.({ data: batch });
    expect([one.batches, other.batches]).toEqual([[], [batch]]);
    slot.leave(7);
    FakeThread.latest.onmessage?.({ data: batch });
    expect(other.batches).toHaveLength(1);
  });

  test("ends with the last relay", async () => {
    const slot = slotWith(new Member(5), new Member(7));
    slot.leave(5);
    expect(await isSettled(slot.ended())).toBe(true);
    expect(FakeThread.latest.orders.at(-1)).toMatchObject({ kind: "start" });
    slot.leave(7);
    expect(FakeThread.latest.orders.at(-1)).toEqual({ kind: "end" });
    const ended = slot.ended();
    expect(await isSettled(ended)).toBe(false);
    FakeThread.latest.exit(0);
    expect(await isSettled(ended)).toBe(true);
    expect(FakeThread.started).toHaveLength(1);
  });

  test("is followed by another for a relay that comes while it ends", () => {
    const slot = slotWith(new Member(5));
    slot.leave(5);
    slot.join(7, new Member(7));
    expect(FakeThread.started).toHaveLength(1);
    FakeThread.latest.exit(0);
    expect(FakeThread.started).toHaveLength(2);
    expect(FakeThread.latest.relays).toEqual([7]);
  });
});

describe("a thread that dies", () => {
  test("is replaced for the relays that go on, and each hears of what it lost", () => {
    const [one, other, stopping] = [new Member(1), new Member(2), new Member(3)];
    const slot = slotWith(one, other, stopping);
    [one.open, other.open, stopping.goesOn] = [1, 2, false];
    stopping.forget = () => slot.leave(3);
    FakeThread.latest.throw("error: a bug");
    expect(one.faults).toEqual([
      "worker 1 ended (a bug): 1 connection is lost, another takes its place",
    ]);
    expect(other.faults).toEqual([
      "worker 1 ended (a bug): 2 connections are lost, another takes its place",
    ]);
    expect(stopping.faults).toEqual([]);
    expect(one.forgotten).toBe(1);
    jest.advanceTimersByTime(10);
    expect(FakeThread.started).toHaveLength(2);
    expect(FakeThread.latest.relays).toEqual([1, 2]);
  });

  test("with no connection is told of once", () => {
    const [one, other] = [new Member(1), new Member(2)];
    slotWith(one, other);
    FakeThread.latest.exit(3);
    expect(one.faults).toEqual([
      "worker 1 ended (exit status 3): 0 connections are lost, another takes its place",
    ]);
    expect(other.faults).toEqual([]);
  });

  test("is not replaced where no relay goes on", () => {
    const member = new Member(1);
    slotWith(member);
    member.goesOn = false;
    FakeThread.latest.exit(1);
    jest.advanceTimersByTime(60_000);
    expect(FakeThread.started).toHaveLength(1);
  });

  test("again and again is replaced ever more slowly, within a second at most", () => {
    slotWith(new Member(1));
    for (const pause of [10, 20, 40, 80, 160, 320, 640, 1_000, 1_000]) {
      const before = FakeThread.started.length;
      FakeThread.latest.exit(1);
      jest.advanceTimersByTime(pause - 1);
      expect(FakeThread.started).toHaveLength(before);
      jest.advanceTimersByTime(1);
      expect(FakeThread.started).toHaveLength(before + 1);
    }
  });

  test("after it has run for long is replaced soon", () => {
    slotWith(new Member(1));
    for (const _ of Array(5)) {
      FakeThread.latest.exit(1);
      jest.advanceTimersByTime(1_000);
    }
    jest.advanceTimersByTime(10_000);
    FakeThread.latest.exit(1);
    jest.advanceTimersByTime(0);
    expect(FakeThread.started).toHaveLength(7);
  });

  test("is not replaced once its relays have left during the pause", () => {
    const slot = slotWith(new Member(1));
    FakeThread.latest.exit(1);
    slot.leave(1);
    jest.advanceTimersByTime(60_000);
    expect(FakeThread.started).toHaveLength(1);
  });
});

describe("a pool", () => {
  test("gives a relay as many slots as it can use, and the next one begins at the next", () => {
    const pool = new WorkerPool(3);
    const placed = (most: number) => pool.place(most, () => 0).slots.map(({ number }) => number);
    expect([placed(10), placed(2), placed(1), placed(1), placed(3)]).toEqual([
      [1, 2, 3],
      [2, 3],
      [3],
      [1],
      [1, 2, 3],
    ]);
    expect(pool.place(1, () => 0).relay).toBe(5);
  });

  test("knows how many of its threads run", () => {
    const pool = new WorkerPool(3);
    expect(pool.running).toBe(0);
    const members = pool
      .place(2, () => 0)
      .slots.map((slot, relay) => {
        const member = new Member(relay);
        slot.join(relay, member);
        return { slot, member };
      });
    expect([pool.workers, pool.running]).toEqual([3, 2]);
    FakeThread.latest.exit(1);
    expect(pool.running).toBe(1);
    jest.advanceTimersByTime(10);
    expect(pool.running).toBe(2);
    const [first] = members;
    first?.slot.leave(first.member.relay);
    FakeThread.started[0]?.exit(0);
    expect(pool.running).toBe(1);
  });

  test("divides the limit that all its relays share, and has no worker without a place", () => {
    const parts = (workers: number, sharedMax: number) => {
      const pool = new WorkerPool(workers, { sharedMax });
      return pool.place(workers, () => 0).slots.map((slot) => pool.partOf(slot));
    };
    expect([parts(3, 8), parts(3, 2), parts(1, 5)]).toEqual([[3, 3, 2], [1, 1], [5]]);
    const unlimited = new WorkerPool(1);
    expect(unlimited.place(1, () => 0).slots.map((slot) => unlimited.partOf(slot))).toEqual([null]);
  });

  test("gives a relay whose limit is the shared one the same parts of both, in each slot", () => {
    const pool = new WorkerPool(3, { sharedMax: 7 });
    for (const relay of ["first", "second", "third"]) {
      const { slots } = pool.place(7, () => 0);
      const own = slots.map((_, index) => evenPart(7, slots.length, index));
      expect([relay, slots.map((slot) => pool.partOf(slot))]).toEqual([relay, own]);
    }
  });

  test("knows when all its relays together have reached that limit", () => {
    const open = [0, 0];
    const pool = new WorkerPool(2, { sharedMax: 4 });
    for (const index of open.keys()) pool.place(2, () => open[index] ?? 0);
    open.splice(0, 2, 1, 2);
    expect(pool.reachedTogether).toBe(null);
    open.splice(0, 2, 1, 3);
    expect(pool.reachedTogether).toBe(4);
  });
});
