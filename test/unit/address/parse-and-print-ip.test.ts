import { expect, test } from "bun:test";
import fc from "fast-check";
import { isIPv4, isIPv6 } from "node:net";
import * as ours from "../../../src/address/parse-and-print-ip.ts";
import { holds } from "../../support/property.ts";

const near = fc.oneof(
  fc
    .array(fc.integer({ min: 0, max: 300 }), { minLength: 3, maxLength: 5 })
    .map((n) => n.join(".")),
  fc.string({ unit: fc.constantFrom(..."0123456789.:af% \n"), maxLength: 20 }),
  fc.ipV4Extended(),
  fc.ipV4(),
  fc.ipV6(),
  fc.string(),
);

test("a text is an IP address exactly where node:net says so", () => {
  holds(
    import.meta.path,
    fc.property(near, (text) => {
      expect(ours.isIPv4(text)).toBe(isIPv4(text));
      expect(ours.isIPv6(text)).toBe(isIPv6(text));
    }),
    { runs: 5_000 },
  );
});

test("an IPv6 address is printed as RFC 5952 asks, and read back the same", () => {
  holds(
    import.meta.path,
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      const text = ours.ipv6Text(bytes);
      expect(isIPv6(text)).toBe(true);
      expect(text).toBe(text.toLowerCase());
      expect(ours.ipv6Bytes(text)).toEqual(bytes);
    }),
  );
});
