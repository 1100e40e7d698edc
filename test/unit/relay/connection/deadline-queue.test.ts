import { expect, test } from "bun:test";
import {
  type Deadline,
  DeadlineQueue,
  type Expiring,
} from "../../../../src/relay/connection/deadline-queue.ts";

class Item implements Expiring {
  deadline: Deadline | null = null;

  constructor(readonly name: string) {}
}

/** Lets the whole process stand still, as a signal would. */
function standStill(milliseconds: number): void {
  Bun.sleepSync(milliseconds);
}

/** Settles behind all timers that are due now. */
const dueTimersHaveRun = () => new Promise((resolve) => setTimeout(resolve, 0));

test("items expire in the order in which they were added, and not before their time", async () => {
  const expired: string[] = [];
  const done = Promise.withResolvers<void>();
  const deadlines = new DeadlineQueue<Item>(30, ({ name }) => {
    expired.push(name);
    if (name === "last") done.resolve();
  });
  const items = ["first", "deleted", "again", "last"].map((name) => new Item(name));
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
  deadlines.add(new Item("one"));
  await Bun.sleep(TIME / 2);
  deadlines.add(new Item("two"));
  standStill(10 * TIME);
  const since = performance.now();
  await dueTimersHaveRun();
  expect(expired).toEqual([]);
  await done.promise;
  expect(expired).toEqual(["one", "two"]);
  expect(performance.now() - since).toBeGreaterThanOrEqual(TIME - 1);
});

test("deadlines that are only looks expire however late", async () => {
  const expired: string[] = [];
  const deadlines = new DeadlineQueue<Item>(TIME, ({ name }) => expired.push(name), "expire");
  deadlines.add(new Item("one"));
  standStill(10 * TIME);
  await dueTimersHaveRun();
  expect(expired).toEqual(["one"]);
});

test("after any additions and deletions the items expire in the order of a Map", async () => {
  const expired: Item[] = [];
  const ended = Promise.withResolvers<void>();
  const deadlines = new DeadlineQueue<Item>(TIME, (item) => {
    expired.push(item);
    if (item.name === "end") ended.resolve();
  });
  const order = new Map<Item, true>();
  const items = Array.from({ length: 10 }, (_, index) => new Item(`${index}`));
  for (let move = 0; move < 300; move += 1) {
    // Steps of 7 and 3 meet each item in changing neighbourhoods.
    const item = items[(7 * move) % 10] as Item;
    const other = items[(3 * move + (move >> 4)) % 10] as Item;
    deadlines.add(item);
    order.delete(item);
    order.set(item, true);
    deadlines.delete(other);
    order.delete(other);
    expect(other.deadline).toBeNull();
  }
  deadlines.add(new Item("end"));
  await ended.promise;
  expect(order.size).toBeGreaterThan(3);
  expect(expired.slice(0, -1)).toEqual([...order.keys()]);
  expect(items.every(({ deadline }) => deadline === null)).toBe(true);
});

test("a queue leaves an item of another queue alone", async () => {
  const done = Promise.withResolvers<string>();
  const other = new DeadlineQueue<Item>(1, ({ name }) => done.resolve(name));
  const item = new Item("of the other queue");
  other.add(item);
  new DeadlineQueue<Item>(1, () => {}).delete(item);
  expect(item.deadline).not.toBeNull();
  expect(await done.promise).toBe("of the other queue");
});

test("a deadline that has left keeps no other one alive", () => {
  const deadlines = new DeadlineQueue<Item>(60_000, () => {});
  const items = ["before", "leaves", "after"].map((name) => new Item(name));
  for (const item of items) deadlines.add(item);
  const { deadline } = items[1] as Item;
  expect(deadline).toMatchObject({ earlier: items[0]?.deadline, later: items[2]?.deadline });
  deadlines.delete(items[1] as Item);
  expect(deadline).toMatchObject({ earlier: null, later: null });
  for (const item of items) deadlines.delete(item);
});
