import { beforeEach, expect, test } from "bun:test";
import {
  type KilledProcess,
  ParentProcess,
} from "../../../../src/process/handover/first-process-as-parent.ts";

/** The children that `reaper` was asked for, in this order. */
let asked: PromiseWithResolvers<number>[];
let killed: KilledProcess[];

beforeEach(() => {
  asked = [];
  killed = [];
});

const reaper = {
  ended: () => {
    const child = Promise.withResolvers<number>();
    asked.push(child);
    return child.promise;
  },
};

async function end(child: number, status: number): Promise<void> {
  asked[child]?.resolve(status);
  await Promise.resolve();
}

const parentOf = (pid: number) =>
  new ParentProcess(reaper, { pid }, (process) => void killed.push(process));

test("the status is that of the newest process, and all others are waited for", async () => {
  const parent = parentOf(10);
  parent.adopt(20);
  await end(1, 3);
  parent.channelClosed();
  const ended = parent.ended();
  expect(await Promise.race([ended, Bun.sleep(0)])).toBeUndefined();
  await end(0, 0);
  expect(await ended).toBe(3);
  expect(killed).toEqual([]);
});

test("a process that a signal has ended is told of, and whether it was the newest", async () => {
  const parent = parentOf(10);
  parent.adopt(20);
  await end(0, 128 + 11);
  await end(1, 128 + 9);
  expect(killed).toEqual([
    { pid: 10, signal: "SIGSEGV", wasNewest: false },
    { pid: 20, signal: "SIGKILL", wasNewest: true },
  ]);
});

test("a process that gets the id of an earlier one is another process", async () => {
  const parent = parentOf(10);
  parent.adopt(20);
  await end(0, 1);
  parent.adopt(10);
  await end(1, 0);
  await end(2, 7);
  parent.channelClosed();
  expect(await parent.ended()).toBe(7);
});
