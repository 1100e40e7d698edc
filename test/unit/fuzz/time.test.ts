import { expect, test } from "bun:test";
import fc from "fast-check";
import { InvalidValue } from "../../../src/options/invalid-value-error.ts";
import { parseTime } from "../../../src/options/parse-time.ts";
import { holds } from "../../support/property.ts";
import { roundsOf } from "../../support/repeat.ts";

const UNITS = { ms: 1n, s: 1_000n, min: 60_000n, h: 3_600_000n, "": 1_000n } as const;
type Unit = keyof typeof UNITS;
const LONGEST = 2n ** 31n - 1n;

test("a time is read as exactly as it can be counted in whole numbers", () => {
  // Few decimals: beyond them a time that is off by less than a nanosecond is let pass.
  const decimals = fc.string({ unit: fc.constantFrom(..."0123456789"), maxLength: 5 });
  const whole = fc.oneof(fc.nat(10_000), fc.nat(3_000_000), fc.nat()).map(String);
  const unit = fc.constantFrom<Unit>("ms", "s", "min", "h", "");
  let read = 0;
  holds(
    import.meta.path,
    fc.property(whole, decimals, unit, (whole, decimals, unit) => {
      const text = `${whole}${decimals === "" ? "" : "."}${decimals}${unit}`;
      const scale = 10n ** BigInt(decimals.length);
      const scaled = BigInt(whole + decimals) * UNITS[unit];
      const fits = scaled % scale === 0n && scaled <= LONGEST * scale;
      if (!fits) return void expect(() => parseTime(text, { least: 0 })).toThrow(InvalidValue);
      read += 1;
      expect(parseTime(text, { least: 0 })).toBe(Number(scaled / scale));
    }),
    { runs: 10_000 },
  );
  expect(read).toBeGreaterThan(roundsOf(1_000));
});
