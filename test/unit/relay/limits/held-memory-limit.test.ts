import { afterEach, expect, test } from "bun:test";
import {
  type BoundedRelay,
  HeldMemory,
  heldTogether,
  memoryBound,
} from "../../../../src/relay/limits/held-memory-limit.ts";

const KIB = 1024;
const MOST = 80 * KIB;

class Accepting implements BoundedRelay {
  readonly holders = new Set<string>();
  times = 0;
  timesFree = 0;

  pauseFor(holder: string): void {
    this.holders.add(holder);
  }

  resumeFor(holder: string): void {
    this.holders.delete(holder);
  }

  memoryFull(): void {
    this.times += 1;
  }

  memoryFree(): void {
    this.timesFree += 1;
  }

  get accepts(): boolean {
    return this.holders.size === 0;
  }
}

const memories: HeldMemory[] = [];
const bytes = new Map<HeldMemory, number>();

function change(memory: HeldMemory, by: number): void {
  bytes.set(memory, (bytes.get(memory) ?? 0) + by);
  memory.changed(by);
}

// A memory that is reached looks by a timer until it is free.
afterEach(() => {
  for (const memory of memories) change(memory, -(bytes.get(memory) ?? 0));
  for (const memory of memories.splice(0)) memory.lookAgain();
});

function threads(count: number) {
  const bound = memoryBound(count, MOST);
  const made = Array.from({ length: count }, (_, thread) => new HeldMemory(bound, thread));
  memories.push(...made);
  return { bound, made };
}

function one() {
  const { bound, made } = threads(1);
  const [memory] = made;
  if (memory === undefined) throw new Error("there is one");
  return { bound, memory };
}

test("at the bound all relays accept nobody, and again when an eighth is free", () => {
  const { bound, memory } = one();
  const relays = [new Accepting(), new Accepting()];
  for (const relay of relays) memory.join(relay);
  change(memory, MOST - 1);
  expect(memory.isReached).toBe(true);
  expect(heldTogether(bound)).toBe(MOST);
  expect(relays.map(({ accepts, times }) => ({ accepts, times }))).toEqual([
    { accepts: false, times: 1 },
    { accepts: false, times: 1 },
  ]);
  change(memory, -MOST / 16);
  memory.lookAgain();
  expect(memory.isReached).toBe(true);
  expect(relays.map(({ timesFree }) => timesFree)).toEqual([0, 0]);
  change(memory, -MOST / 16);
  memory.lookAgain();
  expect(memory.isReached).toBe(false);
  expect(relays.every(({ accepts }) => accepts)).toBe(true);
  expect(relays.map(({ timesFree }) => timesFree)).toEqual([1, 1]);
});

test("below the bound nothing happens", () => {
  const { memory } = one();
  const relay = new Accepting();
  memory.join(relay);
  change(memory, MOST - 2 * KIB);
  expect({ reached: memory.isReached, accepts: relay.accepts }).toEqual({
    reached: false,
    accepts: true,
  });
});

test("a relay that joins or leaves at the bound", () => {
  const { memory } = one();
  const [early, late] = [new Accepting(), new Accepting()];
  memory.join(early);
  change(memory, MOST);
  memory.join(late);
  expect(late.accepts).toBe(false);
  memory.leave(early);
  change(memory, -MOST);
  memory.lookAgain();
  expect(late.accepts).toBe(true);
});

test("threads share the bound; each sees it when it accepts, or holds more", () => {
  const { bound, made } = threads(2);
  const [one, other] = made as [HeldMemory, HeldMemory];
  const relay = new Accepting();
  other.join(relay);
  change(one, MOST - 4 * KIB);
  change(other, 2 * KIB);
  expect([one.isReached, other.isReached]).toEqual([false, false]);
  change(one, 2 * KIB);
  expect([one.isReached, other.isReached, relay.accepts]).toEqual([true, false, true]);
  other.look();
  expect([other.isReached, relay.accepts]).toEqual([true, false]);
  expect(heldTogether(bound)).toBe(MOST);
});

test("a thread that takes a dead one's place holds nothing", () => {
  const { bound, made } = threads(2);
  const [, other] = made as [HeldMemory, HeldMemory];
  change(other, 10 * KIB);
  memories.push(new HeldMemory(bound, 1));
  expect(heldTogether(bound)).toBe(0);
});

test("whoever waits goes on without an event", async () => {
  const { memory } = one();
  const relay = new Accepting();
  memory.join(relay);
  change(memory, MOST);
  change(memory, -MOST);
  while (!relay.accepts) await Bun.sleep(10);
  expect(memory.isReached).toBe(false);
});
