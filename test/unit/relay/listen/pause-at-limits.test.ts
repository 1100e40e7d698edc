import { afterEach, expect, test } from "bun:test";
import { silentObserver } from "../../../../src/relay/combine-observers.ts";
import type { ReachedLimit } from "../../../../src/relay/observer.ts";
import { LimitPause } from "../../../../src/relay/listen/pause-at-limits.ts";

const open: LimitPause[] = [];
afterEach(() => {
  for (const pause of open.splice(0)) pause[Symbol.dispose]();
});

function pausing({ canPause = true } = {}) {
  const events: string[] = [];
  let accepts = true;
  const listener = {
    pause() {
      if (canPause) accepts = false;
      return canPause;
    },
    resume() {
      accepts = true;
      return true;
    },
  };
  const observer = {
    ...silentObserver,
    acceptingPaused: (reason: ReachedLimit, change: number) =>
      void events.push(`${reason} ${change}`),
    full: (count: number, limit: ReachedLimit) => void events.push(`full ${count} ${limit}`),
  };
  const pause = new LimitPause(2, listener, observer, () => 7);
  open.push(pause);
  return { pause, events, accepts: () => accepts };
}

test("the observer is told when a pause begins and ends, for each reason", () => {
  const { pause, events, accepts } = pausing();
  pause.opened(1);
  expect(events).toEqual([]);
  pause.opened(2);
  pause.pauseFor("somebody", "memory");
  pause.pauseFor("somebody", "memory");
  expect(events.splice(0)).toEqual(["own 1", "full 2 own", "memory 1"]);
  pause.closed(1);
  expect(events.splice(0)).toEqual(["own -1"]);
  expect(accepts()).toBe(false);
  pause.resumeFor("somebody");
  pause.resumeFor("somebody");
  expect(events.splice(0)).toEqual(["memory -1"]);
  expect(accepts()).toBe(true);
});

test("a shortage of descriptors is a reason until a descriptor is free", () => {
  const { pause, events } = pausing();
  pause.descriptorsExhausted();
  pause.descriptorsExhausted();
  expect(events.splice(0)).toEqual(["descriptors 1", "full 7 descriptors"]);
  pause.descriptorsAvailable();
  expect(events.splice(0)).toEqual(["descriptors -1"]);
});

test("a pause without a reason is no matter of the observer", () => {
  const { pause, events, accepts } = pausing();
  pause.pauseFor("somebody");
  expect(accepts()).toBe(false);
  pause.resumeFor("somebody");
  expect(events).toEqual([]);
});

test("all pauses end with the relay", () => {
  const { pause, events } = pausing();
  pause.opened(2);
  pause.pauseFor("somebody", "shared");
  pause[Symbol.dispose]();
  expect(events).toEqual(["own 1", "full 2 own", "shared 1", "own -1", "shared -1"]);
});

test("a listener that cannot pause is not reported as paused", () => {
  const { pause, events } = pausing({ canPause: false });
  pause.opened(2);
  pause.pauseFor("somebody", "memory");
  pause.descriptorsExhausted();
  expect(events).toEqual([]);
});
