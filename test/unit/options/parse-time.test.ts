import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { InvalidValue } from "../../../src/options/invalid-value-error.ts";
import { parseTime, printTime } from "../../../src/options/parse-time.ts";
import { holds } from "../../support/property.ts";

describe("a time is read as milliseconds", () => {
  test.each([
    ["500ms", 500],
    ["5s", 5_000],
    ["2min", 120_000],
    ["1h", 3_600_000],
    ["5", 5_000],
    ["0.5", 500],
    ["1.5h", 5_400_000],
    ["1.1s", 1_100],
    ["0.001", 1],
    ["007", 7_000],
    ["0", 0],
    ["0ms", 0],
    ["2147483647ms", 2 ** 31 - 1],
  ])("%s", (text, milliseconds) => {
    expect(parseTime(text, { least: 0 })).toBe(milliseconds);
  });
});

describe("what is no time is refused", () => {
  test.each([
    ...["", " ", "s", "5 s", " 5s", "5s ", "5S", "5m", "5sec", "5seconds", "5d", "1h30min", "5ss"],
    ...["-5s", "+5s", ".5s", "5.", "5.s", "1,5", "1e3", "0x10", "Infinity", "NaN", "٥s", "5s\n"],
    ...["0.5ms", "0.0001", "1.0001s", "2147483648ms", "25d", "1000h", "9".repeat(400)],
  ])("%j", (text) => {
    expect(() => parseTime(text, { least: 0 })).toThrow(InvalidValue);
  });
});

describe("a range is kept", () => {
  const range = { least: 1_000, most: 60_000, zero: true };

  test.each([
    ["1s", 1_000],
    ["1min", 60_000],
    ["0", 0],
    ["0min", 0],
  ])("%s is within", (text, milliseconds) => {
    expect(parseTime(text, range)).toBe(milliseconds);
  });

  test.each([
    ["999ms", "too short; 0 or at least 1s"],
    ["60001ms", "too long; at most 60s"],
  ])("%s is not", (text, reason) => {
    expect(() => parseTime(text, range)).toThrow(reason);
  });

  test("0 is not where it has no meaning", () => {
    expect(() => parseTime("0", { least: 1 })).toThrow("too short; at least 1ms");
  });
});

test("what is printed is read as the same", () => {
  holds(
    import.meta.path,
    fc.property(fc.integer({ min: 0, max: 2 ** 31 - 1 }), (milliseconds) => {
      expect(parseTime(printTime(milliseconds), { least: 0 })).toBe(milliseconds);
    }),
  );
});

test("no text gives anything but whole milliseconds or an InvalidValue", () => {
  const almost = fc.stringMatching(/^[-+ ]?[0-9.e]{0,20}(ms|s|min|h|m)?$/);
  holds(
    import.meta.path,
    fc.property(fc.oneof(fc.string(), almost), (text) => {
      try {
        expect(Number.isSafeInteger(parseTime(text, { least: 0 }))).toBe(true);
      } catch (error) {
        expect(error).toBeInstanceOf(InvalidValue);
      }
    }),
    { runs: 2_000 },
  );
});
