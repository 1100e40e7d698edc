import { expect, test } from "bun:test";
import { page } from "../../../src/observe/admin/served-page.ts";
import {
  axisFor,
  decadeScale,
  linearScale,
  mirroredScale,
} from "../../../src/observe/page/chart-scale.ts";
import fc from "fast-check";
import { holds } from "../../support/property.ts";

test("the page is one file that asks for no other", () => {
  const { html } = page;
  expect(html).toStartWith("<!doctype html>");
  // What a browser would fetch by itself: links for people may go anywhere on this host.
  const fetched = [...html.matchAll(/<(?:link|script|img|iframe)[^>]*?(?:src|href)="([^"]*)"/g)];
  for (const [, address = ""] of fetched) expect(address).toStartWith("data:");
  expect(html).not.toMatch(/@import|url\(|<base|<form/);
  // Names of namespaces are no addresses.
  const addresses = html.match(/https?:\/\/[\w.-]+/g) ?? [];
  expect(new Set(addresses)).toEqual(new Set(["http://www.w3.org"]));
  expect(html.length).toBeLessThan(60_000);
});

test("what may run is what is in it", () => {
  const policy = page.headers["content-security-policy"] ?? "";
  expect(policy).toStartWith("default-src 'none'; ");
  expect(policy).not.toContain("unsafe");
  for (const [kind, element] of [
    ["script-src", "script"],
    ["style-src", "style"],
  ]) {
    const [, allowed = ""] = new RegExp(`${kind} ([^;]+)`).exec(policy) ?? [];
    const found = [...page.html.matchAll(new RegExp(`<${element}[^>]*>([^]*?)</${element}>`, "g"))];
    expect(found.length).toBeGreaterThan(0);
    const hashes = found.map(
      ([, content = ""]) =>
        `'sha256-${new Bun.CryptoHasher("sha256").update(content).digest("base64")}'`,
    );
    expect(allowed.split(" ")).toEqual(hashes);
  }
  expect(page.html).not.toMatch(/ style=| on[a-z]+=/);
});

test.each([
  [0, 3, { end: 3, step: 1 }],
  [4, 3, { end: 4, step: 2 }],
  [100, 3, { end: 100, step: 50 }],
  [101, 3, { end: 150, step: 50 }],
  [27_000_000, 1_000, { end: 30_000_000, step: 10_000_000 }],
])("an axis for %d, at least %d", (most, least, axis) => {
  expect(axisFor(most, least)).toEqual(axis);
});

test("an axis takes every value in and has two to four marks", () => {
  holds(
    import.meta.path,
    fc.property(fc.double({ min: 0, max: 1e15, noNaN: true }), (most) => {
      const { end, step } = axisFor(most, 3);
      expect(end).toBeGreaterThanOrEqual(most);
      expect(Math.round(end / step)).toBeWithin(2, 5);
      expect(end / step).toBeCloseTo(Math.round(end / step), 6);
    }),
  );
});

test("a mirrored scale has each direction on its side of the zero line", () => {
  const rate = fc.double({ min: 0, max: 1e12, noNaN: true });
  holds(
    import.meta.path,
    fc.property(rate, rate, (up, down) => {
      const { position, marks } = mirroredScale(up, down, 1_000);
      const zero = position(0);
      expect(marks).toContain(0);
      expect(marks.length).toBeWithin(3, 9);
      expect(position(up)).toBeWithin(zero, 1.000_001);
      expect(position(-down)).toBeWithin(-0.000_001, zero + 0.000_001);
      for (const mark of marks) expect(position(mark)).toBeWithin(-0.000_001, 1.000_001);
    }),
  );
});

test("a mirrored scale gives symmetric traffic the same room on both sides", () => {
  const { position, marks } = mirroredScale(26e6, 26e6, 1_000);
  expect(position(0)).toBe(0.5);
  expect(marks).toEqual([-40e6, -20e6, 0, 20e6, 40e6]);
});

test("a linear scale begins at its bottom", () => {
  const { position, marks, base } = linearScale(4, 3);
  expect({ marks, base }).toEqual({ marks: [0, 2, 4], base: 0 });
  expect([0, 2, 4].map(position)).toEqual([0, 0.5, 1]);
});

test("a scale of decades shows microseconds and seconds, and 0 at its bottom", () => {
  const { position, marks, base } = decadeScale([0, 0.000_02, 0.5], -5);
  expect(base).toBe(1e-5);
  expect(position(0)).toBe(0);
  expect(position(1)).toBe(1);
  expect(position(1e-5)).toBe(0);
  expect(marks).toEqual([1e-5, 1e-3, 1e-1]);
});

test("a scale of decades takes every time in", () => {
  const time = fc.double({ min: 0, max: 10_000, noNaN: true });
  holds(
    import.meta.path,
    fc.property(fc.array(time), (times) => {
      const { position, marks } = decadeScale(times, -5);
      for (const one of times) expect(position(one)).toBeWithin(0, 1.000_001);
      expect(marks.length).toBeWithin(3, 7);
      for (const mark of marks) expect(position(mark)).toBeWithin(-0.000_001, 1.000_001);
    }),
  );
});
