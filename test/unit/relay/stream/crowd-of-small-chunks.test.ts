import { expect, spyOn, test } from "bun:test";
import { Crowd, type CrowdMember } from "../../../../src/relay/stream/crowd-of-small-chunks.ts";

// With the pipe itself, as many pipes as make a crowd if all send in turn.
const CROWD = 32;
// A pipe's first chunk has no chunk before it from which to count those of others.
const FIRST = 1;

const pipe = (): CrowdMember => ({ latestChunk: 0, chunksInCrowd: 0 });
const pipes = (length: number) => Array.from({ length }, pipe);

/** The chunks that the first of these pipes sends, in turn with the others, until it joins. */
function chunksUntilJoin(crowd: Crowd, members: readonly CrowdMember[]): number {
  for (let chunks = 1; chunks <= 100; chunks += 1) {
    const joins = members.map((member) => crowd.chunkPassed(member));
    if (joins[0] === true) return chunks;
  }
  return Infinity;
}

/** Lets the crowd read `chunks` chunks in each turn of the event loop, `count` chunks at least. */
function read(crowd: Crowd, chunks: number, count: number): void {
  for (let sum = 0; sum < count; sum += chunks) crowd.hasRead(chunks);
}

test("a pipe joins at its 16th small chunk that came after chunks of many others", () => {
  expect(chunksUntilJoin(new Crowd(), pipes(CROWD))).toBe(FIRST + 16);
  expect(chunksUntilJoin(new Crowd(), pipes(2 * CROWD))).toBe(FIRST + 16);
});

test("no pipe joins among fewer others, however many chunks it sends", () => {
  expect(chunksUntilJoin(new Crowd(), pipes(CROWD - 1))).toBe(Infinity);
  expect(chunksUntilJoin(new Crowd(), pipes(1))).toBe(Infinity);
});

test("a pipe that sends two chunks in a row begins to count anew", () => {
  const crowd = new Crowd();
  const members = pipes(CROWD);
  const [first = pipe()] = members;
  for (let chunks = 0; chunks < FIRST + 15; chunks += 1)
    for (const member of members) crowd.chunkPassed(member);
  expect(crowd.chunkPassed(first)).toBe(true);
  expect(crowd.chunkPassed(first)).toBe(false);
  expect(chunksUntilJoin(crowd, members)).toBe(FIRST + 16);
});

test("the chunks that the crowd itself has read are chunks of others", () => {
  const crowd = new Crowd();
  const member = pipe();
  const joins = Array.from({ length: FIRST + 16 }, () => {
    const joined = crowd.chunkPassed(member);
    crowd.hasRead(CROWD - 1);
    return joined;
  });
  expect(joins.indexOf(true)).toBe(FIRST + 15);
});

test("short batches close the crowd for 10 s", () => {
  using now = spyOn(performance, "now").mockReturnValue(1_000);
  const crowd = new Crowd();
  read(crowd, 3, 4096 - 3);
  expect(crowd.isOver).toBe(false);
  crowd.hasRead(3);
  expect(crowd.isOver).toBe(true);
  now.mockReturnValue(10_999);
  expect(chunksUntilJoin(crowd, pipes(CROWD))).toBe(Infinity);
  expect(crowd.isOver).toBe(true);
  now.mockReturnValue(11_000);
  expect(chunksUntilJoin(crowd, pipes(CROWD))).toBeLessThanOrEqual(FIRST + 16);
  expect(crowd.isOver).toBe(false);
});

test("large batches keep the crowd, and each judgement is of new batches alone", () => {
  const crowd = new Crowd();
  read(crowd, 4, 3 * 4096);
  expect(crowd.isOver).toBe(false);
  read(crowd, 64, 4096);
  read(crowd, 3, 4096);
  expect(crowd.isOver).toBe(true);
});

test("small chunks that Bun reads in a crowd count as part of the batches", () => {
  const crowd = new Crowd();
  const members = pipes(CROWD);
  for (const member of members) crowd.chunkPassed(member);
  for (let turns = 0; turns < 4096; turns += 1) {
    for (const member of members) crowd.chunkPassed(member);
    crowd.hasRead(1);
  }
  expect(crowd.isOver).toBe(false);
});
