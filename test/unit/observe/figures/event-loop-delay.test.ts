import { expect, test } from "bun:test";
import { EventLoopDelay } from "../../../../src/observe/figures/event-loop-delay.ts";

test("a loop that was held up is noticed, and a second passes in four beats", async () => {
  const second = Promise.withResolvers<void>();
  const delays: number[] = [];
  using _heartbeat = new EventLoopDelay((seconds) => {
    delays.push(seconds);
    // What keeps everybody waiting: the beat that follows cannot be in time.
    if (delays.length === 1) Bun.sleepSync(400);
  }, second.resolve);
  // The heartbeat alone does not keep a process alive.
  const alive = setInterval(() => {}, 1_000);
  await second.promise;
  clearInterval(alive);
  expect(delays.length).toBe(4);
  expect(delays[1]).toBeGreaterThanOrEqual(0.14);
  expect(delays.every((delay) => delay >= 0)).toBe(true);
});

test("it ends when disposed", async () => {
  let beats = 0;
  const heartbeat = new EventLoopDelay(
    () => (beats += 1),
    () => {},
  );
  heartbeat[Symbol.dispose]();
  await Bun.sleep(300);
  expect(beats).toBe(0);
});
