import { describe, expect, test } from "bun:test";
import { isLoopbackHost, isLoopbackName } from "../../../src/address/loopback.ts";
import { targetOf } from "../../../src/address/resolve-destination.ts";

describe("a name of loopback", () => {
  test.each(["localhost", "LOCALHOST", "localhost.", "a.localhost", "a.b.Localhost."])(
    "%s, which no resolver is asked for",
    (host) => {
      expect(isLoopbackName(host)).toBe(true);
      expect(isLoopbackHost(host)).toBe(true);
      const addresses = targetOf({ kind: "tcp", host, port: 80 }).addresses();
      if ("then" in addresses) throw new Error("a resolver was asked");
      expect(addresses.map(({ text }) => text)).toEqual(["127.0.0.1:80", "[::1]:80"]);
    },
  );

  test.each(["", "localhost.example.org", "notlocalhost", "localhost..", "127.0.0.1"])(
    "not %j",
    (host) => {
      expect(isLoopbackName(host)).toBe(false);
    },
  );
});

test.each([
  ["127.0.0.1", true],
  ["127.255.0.9", true],
  ["::1", true],
  ["0:0::1", true],
  ["::ffff:127.0.0.1", true],
  ["::ffff:7f00:1", true],
  ["128.0.0.1", false],
  ["::", false],
  ["0.0.0.0", false],
  ["::ffff:10.0.0.1", false],
  ["fe80::1%eth0", false],
])("%s is loopback: %p", (host, loopback) => {
  expect(isLoopbackHost(host)).toBe(loopback);
});
