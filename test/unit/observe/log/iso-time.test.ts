import { expect, test } from "bun:test";
import { isoTime } from "../../../../src/observe/log/iso-time.ts";

test("every time has the text of Date.toISOString, also a time before the last one", () => {
  const midnight = Date.parse("2027-01-01T00:00:00Z");
  const offsets = [-2_000, -1_001, -1_000, -999, -1, 0, 0, 1, 9, 10, 99, 100, 999, 1_000, 60_000];
  for (const at of [...offsets, ...offsets.toReversed()].map((offset) => midnight + offset))
    expect(isoTime(at)).toBe(new Date(at).toISOString());
  expect(isoTime(-1)).toBe("1969-12-31T23:59:59.999Z");
});
