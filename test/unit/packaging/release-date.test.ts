import { expect, test } from "bun:test";
import { releaseDate } from "../../../src/packaging/release-date.ts";

const LOG = "# Changes\n\n## Unreleased\n\n## 1.1.0 (2026-11-24)\n\n## 1.0.0 (2025-01-01)\n";

test("it is the newest date of the change log", () => {
  expect(releaseDate({}, LOG).toISOString()).toBe("2026-11-24T00:00:00.000Z");
});

test("SOURCE_DATE_EPOCH comes first", () => {
  expect(releaseDate({ SOURCE_DATE_EPOCH: "1000000000" }, LOG).getTime()).toBe(1e12);
});

test.each(["", "x", "-1", "1e3", "123456789012"])("%j is not a number of seconds", (seconds) => {
  expect(() => releaseDate({ SOURCE_DATE_EPOCH: seconds }, LOG)).toThrow("SOURCE_DATE_EPOCH");
});

test("a change log without a date is an error", () => {
  expect(() => releaseDate({}, "## Unreleased\n")).toThrow("## X.Y.Z (DATE)");
});

test("the change log of this repository has a date", () => {
  expect(releaseDate({}).getFullYear()).toBeGreaterThan(2025);
});
