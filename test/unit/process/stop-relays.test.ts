import { expect, test } from "bun:test";
import { stopRelays } from "../../../src/process/stop-relays.ts";
import { turn } from "../../support/waiting.ts";

const HOUR = 3_600_000;

/** Never settles. */
const never = new Promise<never>(() => {});

test("a second request to stop ends the wait for an earlier process that hangs", async () => {
  const asked: (number | null)[] = [];
  const hurry = Promise.withResolvers<void>();
  const stopped = stopRelays({
    relays: { stop: ({ drainTimeout } = {}) => (drainTimeout === 0 ? Promise.resolve() : never) },
    earlier: { stop: (drainTimeout) => void asked.push(drainTimeout), unladen: () => never },
    drainTimeout: HOUR,
    hurry: hurry.promise,
  });
  expect(asked).toEqual([null]);
  hurry.resolve();
  await stopped;
  expect(asked).toEqual([null, 0]);
});

test("without a second request, the end of all connections ends the wait", async () => {
  const earlier = Promise.withResolvers<void>();
  let isOver = false;
  const stopped = stopRelays({
    relays: { stop: () => Promise.resolve() },
    earlier: { stop: () => {}, unladen: () => earlier.promise },
    drainTimeout: HOUR,
    hurry: never,
  }).then(() => (isOver = true));
  await turn();
  expect(isOver).toBe(false);
  earlier.resolve();
  await stopped;
});
