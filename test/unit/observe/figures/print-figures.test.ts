import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatLatency,
  formatRate,
} from "../../../../src/observe/figures/print-figures.ts";
import { holds } from "../../../support/property.ts";

describe("bytes", () => {
  test.each([
    [0, "0 B"],
    [1, "1 B"],
    [999, "999 B"],
    [999.4, "999 B"],
    [999.5, "1.00 kB"],
    [1_000, "1.00 kB"],
    [1_023, "1.02 kB"],
    [9_994, "9.99 kB"],
    [9_995, "10.0 kB"],
    [99_949, "99.9 kB"],
    [99_950, "100 kB"],
    [999_499, "999 kB"],
    [999_500, "1.00 MB"],
    [64_300_000, "64.3 MB"],
    [1.5e9, "1.50 GB"],
    [2 ** 53, "9.01 PB"],
    [1e20, "100000 PB"],
  ])("%p is %s", (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
    expect(formatRate(bytes)).toBe(`${text}/s`);
  });

  test("never take more than seven characters", () => {
    holds(
      import.meta.path,
      fc.property(fc.double({ min: 0, max: 1e17, noNaN: true }), (bytes) => {
        expect(formatBytes(bytes)).toMatch(/^(\d{1,3}|\d\.\d\d|\d\d\.\d) (B|[kMGTP]B)$/);
      }),
    );
  });
});

test.each([
  [0, "0 µs"],
  [0.000_084, "84 µs"],
  [0.000_999_4, "999 µs"],
  [0.000_999_5, "1.0 ms"],
  [0.009_94, "9.9 ms"],
  [0.009_95, "10 ms"],
  [0.999, "999 ms"],
  [0.999_5, "1.0 s"],
  [61, "1 min 1 s"],
])("a latency of %p s is %s", (seconds, text) => {
  expect(formatLatency(seconds)).toBe(text);
});

describe("durations", () => {
  test.each([
    [0, "0.0 s"],
    [0.04, "0.0 s"],
    [9.94, "9.9 s"],
    [9.95, "10 s"],
    [59.4, "59 s"],
    [59.5, "1 min"],
    [61, "1 min 1 s"],
    [3_600, "1 h"],
    [3_601, "1 h"],
    [3_660, "1 h 1 min"],
    [86_400, "1 d"],
    [90_000, "1 d 1 h"],
    [90_061, "1 d 1 h"],
    [86_460, "1 d"],
  ])("%p s are %s", (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text);
  });
});

test.each([
  [0, "0"],
  [999, "999"],
  [1_000, "1,000"],
  [1_234_567.6, "1,234,568"],
])("the count %p is %s", (count, text) => {
  expect(formatCount(count)).toBe(text);
});
