import { beforeEach, describe, expect, spyOn, test } from "bun:test";
import { BulkReader, LARGE } from "../../../../src/relay/stream/bulk-reader.ts";
import { libc } from "../../../../src/os/libc.ts";
import { type Reader, Reading } from "../../../../src/relay/stream/reading.ts";
import {
  type ReadingEvent,
  type ReadingState,
  stateAfter,
} from "../../../../src/relay/stream/reading-states.ts";
import { Side } from "../../../../src/relay/stream/side.ts";
import { disposeAfterEach } from "../../../support/dispose-after-each.ts";
import { docstringTable } from "../../../support/docstring-table.ts";
import { must, system } from "../../../support/process/system-calls.ts";
import { socketPair } from "../../../support/sockets/socket-pair.ts";
import { turn, until } from "../../../support/waiting.ts";

if (libc === null) throw new Error("these tests need the C library through bun:ffi");
const bulk = new BulkReader(libc);
const kept = disposeAfterEach();

/** A side that knows whether Bun reads it, and bears no second pause or resume. */
class PausableSide extends Side {
  readonly isTcp = false;
  isPaused = false;

  override pause(): void {
    expect(this.isPaused).toBe(false);
    this.isPaused = true;
  }

  override resume(): void {
    expect(this.isPaused).toBe(true);
    this.isPaused = false;
  }
}

class TurnCounter implements Reader {
  readonly from = new PausableSide();
  turns = 0;

  hasRoom = true;
  isSparing = false;
  /** How often it was asked to tell of room. */
  awaited = 0;
  readsInCrowd = 0;
  latestChunk = 0;
  chunksInCrowd = 0;

  takeTurn(): void {
    this.turns += 1;
  }

  readInCrowd(): void {
    this.readsInCrowd += 1;
  }

  hasMuchRoom(): boolean {
    return this.hasRoom;
  }

  awaitMuchRoom(): void {
    this.awaited += 1;
  }
}

/** What brings a new machine into each state. */
const ROUTES: Readonly<Record<ReadingState, readonly ReadingEvent[]>> = {
  events: [],
  paused: ["chunk held"],
  room: ["large chunk held"],
  turn: ["read passed"],
  "last turn": ["read passed", "nothing"],
  look: ["read passed", "nothing", "nothing, little room"],
  crowd: ["crowded"],
  over: ["broken"],
};

/** True where the pipe is to read at once. */
function fire(reading: Reading, counter: TurnCounter, event: ReadingEvent): boolean {
  switch (event) {
    case "chunk held":
      reading.chunkHeld(LARGE - 1);
      return false;
    case "large chunk held":
      reading.chunkHeld(LARGE);
      return false;
    case "room again":
      return reading.roomAgain();
    case "read passed":
      reading.hasRead(true);
      return false;
    case "read held":
      reading.hasRead(false);
      return false;
    case "nothing":
      counter.hasRoom = true;
      reading.foundNothing();
      return false;
    case "nothing, little room":
      counter.hasRoom = false;
      reading.foundNothing();
      return false;
    case "crowded":
      reading.crowded();
      return false;
    case "crowd over":
      reading.leaveCrowd();
      return false;
    case "memory full":
      reading.memoryFull();
      return false;
    case "end":
      reading.foundEnd();
      return false;
    case "broken":
      reading.broke();
      return false;
  }
}

function inState(state: ReadingState) {
  const counter = new TurnCounter();
  const reading = new Reading(counter, bulk);
  kept({ [Symbol.dispose]: () => reading.broke() });
  const pair = kept(socketPair());
  counter.from.fd = pair.other;
  for (const event of ROUTES[state]) fire(reading, counter, event);
  expect(reading.state).toBe(state);
  const send = () => must("send", system.send(pair.one, new Uint8Array(1)));
  return { counter, reading, side: counter.from, send };
}

/** Waits until pipes may join the crowd. */
async function provenWatch(): Promise<void> {
  using pair = socketPair();
  const waiter = { bytesCame() {} };
  await until(() => bulk.arrivals.watch(pair.other, waiter), "a watch that works");
  bulk.arrivals.forget(pair.other, waiter);
}

const cells = docstringTable("relay/stream/reading-states.ts").map(({ state, event, after }) => ({
  state: state as ReadingState,
  event: event as ReadingEvent,
  after: after.replace(" now", ""),
  now: after.endsWith(" now"),
}));
const waits = (state: string) => state === "paused" || state === "room";
const bunReads = (state: string) => state === "events" || state === "over";

test("the table in the docstring has every state and every event", () => {
  expect(new Set(cells.map(({ state }) => state))).toEqual(
    new Set(Object.keys(ROUTES) as ReadingState[]),
  );
  expect(cells).toHaveLength(8 * 12);
});

// Who calls for these events need not know the state.
const mayComeAnyTime = (event: ReadingEvent) => event === "crowded" || event === "crowd over";

describe("by the table of the docstring", () => {
  beforeEach(provenWatch);

  test.each(cells)("$state, $event: $after", ({ state, event, after, now }) => {
    const { counter, reading, side } = inState(state);
    const pauses = reading.pauses;
    if (after === "") {
      const error = `a pipe in ${state} met ${event}`;
      expect(() => stateAfter(state, event)).toThrow(error);
      if (!mayComeAnyTime(event)) expect(() => fire(reading, counter, event)).toThrow(error);
      else expect(fire(reading, counter, event)).toBe(false);
      expect(reading.state).toBe(state);
      return;
    }
    expect(fire(reading, counter, event)).toBe(now);
    expect(reading.state as string).toBe(after);
    expect(side.isPaused).toBe(!bunReads(after));
    expect(reading.isPaused).toBe(side.isPaused);
    expect(reading.pauses - pauses).toBe(waits(after) && !waits(state) ? 1 : 0);
  });
});

describe("the crowd", () => {
  beforeEach(provenWatch);

  test("a pipe in it reads each time that there are bytes", async () => {
    const { counter, send } = inState("crowd");
    send();
    await until(() => counter.readsInCrowd >= 3, "reads of the bytes that are left");
    expect(counter.turns).toBe(0);
  });

  const leaving = cells.filter(
    ({ state, after }) => state === "crowd" && after !== "" && after !== "crowd",
  );
  test.each(leaving)("$event: the watch calls no more", async ({ event }) => {
    const { counter, reading, send } = inState("crowd");
    using calls = spyOn(reading, "bytesCame");
    send();
    await until(() => calls.mock.calls.length > 0, "a call");
    fire(reading, counter, event);
    const { length } = calls.mock.calls;
    const other = inState("crowd");
    other.send();
    await until(() => other.counter.readsInCrowd >= 3, "calls of another");
    expect(calls).toHaveBeenCalledTimes(length);
  });

  test("nobody joins before the watch can be relied on, or without a bulk reader", () => {
    bulk.arrivals.close();
    const { reading, side } = inState("events");
    reading.crowded();
    expect({ state: reading.state, isPaused: side.isPaused }).toEqual({
      state: "events",
      isPaused: false,
    });
    const plain = new Reading(new TurnCounter(), null);
    plain.crowded();
    expect(plain.state).toBe("events");
  });

  test("a pipe joins at a small chunk from Bun, but not soon after an own read", () => {
    using joins = spyOn(bulk, "smallChunkPassed").mockReturnValue(true);
    const { reading } = inState("events");
    reading.hasRead(true);
    reading.foundNothing();
    reading.foundNothing();
    for (let chunks = 0; chunks < 16; chunks += 1) reading.chunkPassed(1);
    expect(joins).not.toHaveBeenCalled();
    expect(reading.state).toBe("events");
    reading.chunkPassed(1);
    expect(reading.state).toBe("crowd");
  });
});

test("a turn comes once, however often it was planned, and not where there is none any more", async () => {
  const { reading, counter } = inState("turn");
  reading.hasRead(true);
  await turn();
  expect(counter.turns).toBe(1);
  await turn();
  expect(counter.turns).toBe(1);
  reading.hasRead(true);
  reading.chunkHeld(1);
  await turn();
  expect(counter.turns).toBe(1);
  expect(reading.roomAgain()).toBe(true);
  reading.hasRead(true);
  await turn();
  expect(counter.turns).toBe(2);
});

test("the pipe reads by itself after a large chunk that passed, if it can", () => {
  const { reading } = inState("events");
  expect(reading.chunkPassed(LARGE - 1)).toBe(false);
  expect(reading.chunkPassed(LARGE)).toBe(true);
  expect(inState("turn").reading.chunkPassed(LARGE)).toBe(false);
  const plain = new Reading(new TurnCounter(), null);
  expect(plain.chunkPassed(LARGE)).toBe(false);
  plain.chunkHeld(LARGE);
  expect(plain.state).toBe("paused");
});

test("a receiver with little room is looked after until it has room, in longer and longer pauses", async () => {
  const { reading, counter } = inState("look");
  const { awaited, turns } = counter;
  expect(awaited).toBe(1);
  const moments = [performance.now()];
  while (moments.length < 4) {
    await until(() => counter.turns === turns + moments.length, "a look");
    moments.push(performance.now());
    reading.foundNothing();
  }
  expect(counter.awaited).toBe(1);
  expect((moments[3] ?? 0) - (moments[2] ?? 0)).toBeGreaterThan(3);
  counter.hasRoom = true;
  reading.foundNothing();
  expect(reading.state).toBe("events");
});

describe("while all pipes together hold too many bytes", () => {
  function sparing() {
    // A watch that is new must prove that it works.
    bulk.arrivals.close();
    const made = inState("events");
    const pair = socketPair();
    made.side.fd = pair.other;
    made.counter.isSparing = true;
    made.counter.hasRoom = false;
    const send = () => must("send", system.send(pair.one, new Uint8Array(1)));
    return { ...made, ...pair, send };
  }

  /** Lets the reading look until the watch has proved that it works, so that no look comes soon. */
  async function relying({ reading, counter, side }: ReturnType<typeof sparing>): Promise<void> {
    reading.memoryFull();
    await until(() => counter.turns === 1, "the first look");
    // On a busy machine the first look may come before the watch has proved that it works.
    await until(() => bulk.arrivals.wait(side.fd, reading), "a watch that works");
    reading.foundNothing();
  }

  test("the pipe reads when bytes come, without a look", async () => {
    using made = sparing();
    const { reading, counter, send } = made;
    await relying(made);
    for (let reads = 2; reads < 5; reads += 1) {
      send();
      await until(() => counter.turns === reads, "a read");
      reading.hasRead(true);
      reading.foundNothing();
      reading.foundNothing();
      expect(reading.state).toBe("look");
      must("receive", system.receive(made.other, new Uint8Array(1)));
    }
    reading.broke();
  });

  test("a pipe that looked already waits for bytes, too, until it looks no more", () => {
    using made = sparing();
    const { reading, counter, side } = made;
    counter.isSparing = false;
    reading.foundNothing();
    expect(reading.state).toBe("look");
    using wait = spyOn(bulk.arrivals, "wait");
    using forget = spyOn(bulk.arrivals, "forget");
    counter.isSparing = true;
    reading.memoryFull();
    expect(wait.mock.calls).toEqual([[side.fd, reading]]);
    reading.broke();
    expect(forget.mock.calls).toEqual([[side.fd, reading]]);
  });

  test("a pipe that has ended while it looked waits no more after the next look", async () => {
    using made = sparing();
    const { reading, counter, side } = made;
    reading.memoryFull();
    using forget = spyOn(bulk.arrivals, "forget");
    await until(() => counter.turns === 1, "the look");
    expect(forget.mock.calls).toEqual([[side.fd, reading]]);
  });
});
