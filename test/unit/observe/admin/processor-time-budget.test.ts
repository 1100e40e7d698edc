import { expect, test } from "bun:test";
import fc from "fast-check";
import { ProcessorShare } from "../../../../src/observe/admin/processor-time-budget.ts";
import { holds } from "../../../support/property.ts";

function clocked(share: number, burst: number) {
  const clock = { now: 0 };
  return { clock, share: new ProcessorShare(share, burst, () => clock.now) };
}

test("work up to the burst may begin at once, and waits after that until the debt is paid", () => {
  const { clock, share } = clocked(0.1, 500);
  share.spend(499);
  expect(share.wait).toBe(0);
  share.spend(101);
  // 100 ms too much, at 0.1 ms a millisecond.
  expect(share.wait).toBe(1_001);
  clock.now += share.wait;
  expect(share.wait).toBe(0);
});

test("time without work fills the reserve up to the burst and no further", () => {
  const { clock, share } = clocked(0.5, 100);
  clock.now += 1e9;
  share.spend(100);
  expect(share.wait).toBeGreaterThan(0);
});

test("whatever the work, over time it gets its share and one piece of work more", () => {
  const pieces = fc.array(fc.double({ min: 0, max: 50, noNaN: true }), { maxLength: 200 });
  holds(
    import.meta.path,
    fc.property(pieces, (works) => {
      const { clock, share } = clocked(0.1, 20);
      let done = 0;
      for (const work of works) {
        clock.now += share.wait;
        share.spend(work);
        clock.now += work;
        done += work;
      }
      expect(done).toBeLessThanOrEqual(clock.now * 0.1 + 20 + 50 + 1e-6);
    }),
  );
});
