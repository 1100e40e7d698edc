import { expect, test } from "bun:test";
import { DeadlineQueue } from "../../../../src/relay/connection/deadline-queue.ts";

interface Item {
  readonly name: string;
}

/** Lets the whole process stand still, as a signal would. */
function standStill(milliseconds: number): void {
  Bun.sleepSync(milliseconds);
}

test("items expire in the order in which they were added, and not before their time", async () => {
  const expired: string[] = [];
  const done = Promise.withResolvers<void>();
  const deadlines = new DeadlineQueue<Item>(30, ({ name }) => {
    expired.push(name);
    if (name === "last") done.resolve();
  });
  const items = ["first", "deleted", "again", "last"].map((name) => ({ name }));
  const [, deleted, again] = items;
  const since = performance.now();
  for (const item of items.slice(0, 3)) deadlines.add(item);
  if (deleted !== undefined) deadlines.delete(deleted);
  await Bun.sleep(10);
  if (again !== undefined) deadlines.add(again);
  for (const item of items.slice(3)) deadlines.add(item);
  await done.promise;
  expect(expired).toEqual(["first", "again", "last"]);
  expect(performance.now() - since).toBeGreaterThanOrEqual(39);
});

const TIME = 100;

test("after a standstill all start anew", async () => {
  const expired: string[] = [];
  const done = Promise.withResolvers<void>();
  const deadlines = new DeadlineQueue<Item>(TIME, ({ name }) => {
    expired.push(name);
    if (name === "two") done.resolve();
  });
  deadlines.add({ name: "one" });
  await Bun.sleep(TIME / 2);
  deadlines.add({ name: "two" });
  standStill(10 * TIME);
  const since = performance.now();
  await Bun.sleep(TIME / 4);
  expect(expired).toEqual([]);
  await done.promise;
  expect(expired).toEqual(["one", "two"]);
  expect(performance.now() - since).toBeGreaterThanOrEqual(TIME - 1);
});

test("deadlines that are only looks expire however late", async () => {
  const done = Promise.withResolvers<number>();
  const deadlines = new DeadlineQueue<Item>(TIME, () => done.resolve(performance.now()), "expire");
  deadlines.add({ name: "one" });
  standStill(10 * TIME);
  const since = performance.now();
  expect((await done.promise) - since).toBeLessThan(TIME);
});
