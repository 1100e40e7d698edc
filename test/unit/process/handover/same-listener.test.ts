import { expect, test } from "bun:test";
import { parseAddress } from "../../../../src/address/address.ts";
import { isSameListener } from "../../../../src/process/handover/same-listener.ts";

test.each([
  ["/run/a/s", "/run/a/s", true],
  ["/run/a/s", "/run/../run/a//s", true],
  ["/run/a/s", "/var/run/a/s", true],
  ["/run/a/s", "/run/a/t", false],
  ["@a", "@a", true],
  ["@a", "unix:a", false],
  ["127.0.0.1:80", "127.0.0.1:80", true],
  ["127.0.0.1:80", "127.0.0.1:81", false],
  ["[::1]:80", "[0:0:0:0:0:0:0:1]:80", true],
  ["[::]:80", ":80", true],
  ["127.0.0.1:80", ":80", false],
  ["0.0.0.0:80", "127.0.0.1:80", false],
  ["127.0.0.1:80", "/run/a/s", false],
])("a socket on %s is the listener of %s: %p", (bound, source, expected) => {
  const [one, other] = [bound, source].map((text) => parseAddress(text, "destination"));
  if (one === undefined || other === undefined) throw new Error("there are two");
  expect(isSameListener(one, other)).toBe(expected);
});
