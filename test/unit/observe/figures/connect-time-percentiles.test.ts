import { expect, test } from "bun:test";
import fc from "fast-check";
import { ConnectTimes } from "../../../../src/observe/figures/connect-time-percentiles.ts";
import { holds } from "../../../support/property.ts";

test("a percentile is within 10 % of the true one", () => {
  const times = fc.array(fc.double({ min: 0.001, max: 100_000, noNaN: true }), { minLength: 1 });
  holds(
    import.meta.path,
    fc.property(times, fc.constantFrom(0.5, 0.9, 0.99, 1), (milliseconds, part) => {
      const counted = new ConnectTimes();
      for (const one of milliseconds) counted.note(one);
      const sorted = milliseconds.toSorted((a, b) => a - b);
      const wanted = (sorted[Math.ceil(sorted.length * part) - 1] ?? NaN) / 1_000;
      expect(counted.percentile(part)).toBeWithin(wanted * 0.9, wanted * 1.1);
    }),
  );
});

test("there is no percentile of nothing", () => {
  const times = new ConnectTimes();
  expect(times.percentile(0.5)).toBeNull();
  times.note(3);
  times.clear();
  expect(times.percentile(0.5)).toBeNull();
});

test("times out of range count as the nearest", () => {
  const times = new ConnectTimes();
  times.note(0);
  expect(times.percentile(1)).toBe(1e-6);
  times.note(1e12);
  expect(times.percentile(1)).toBeWithin(100, 200);
});

test("sums have the times of both", () => {
  const [sum, other] = [new ConnectTimes(), new ConnectTimes()];
  sum.note(1);
  for (const _ of Array(9)) other.note(1_000);
  sum.add(other);
  sum.add(new ConnectTimes());
  expect(sum.percentile(0.1)).toBeCloseTo(0.001, 3);
  expect(sum.percentile(0.2)).toBeWithin(0.9, 1.1);
});
