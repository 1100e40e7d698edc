import { expect, test } from "bun:test";
import fc from "fast-check";
import { InvalidValue } from "../../../src/options/invalid-value-error.ts";
import { parseSize, printSize, takeSize } from "../../../src/options/parse-size.ts";
import { holds } from "../../support/property.ts";

test.each([
  ["64M", 64 * 1024 ** 2],
  ["1G", 1024 ** 3],
  ["2T", 2 * 1024 ** 4],
  ["512K", 512 * 1024],
  ["1000", 1000],
])("%s is %d bytes", (text, bytes) => {
  expect(parseSize(text, 1)).toBe(bytes);
});

test.each([
  ["", "is not a size"],
  ["64m", "is not a size"],
  ["64MB", "is not a size"],
  ["1.5G", "is not a size"],
  ["-1", "is not a size"],
  ["1023", "is too small; at least 1K"],
  ["99999999999T", "is too large"],
])("%p is refused: it %s", (text, why) => {
  expect(() => parseSize(text, 1024)).toThrow(InvalidValue);
  expect(() => parseSize(text, 1024)).toThrow(why);
});

test.each([[1.5], ["1G"], [null]])("a program's %p is refused", (value) => {
  expect(() => takeSize(value, 1)).toThrow("is not a size");
});

test("a size is read as it is printed", () => {
  holds(
    import.meta.path,
    fc.property(fc.integer({ min: 1, max: 2 ** 45 }), (bytes) => {
      expect(parseSize(printSize(bytes), 1)).toBe(bytes);
    }),
  );
});
