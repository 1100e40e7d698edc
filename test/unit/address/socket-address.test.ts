import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { targetOf } from "../../../src/address/resolve-destination.ts";
import { ipv6Address, missingZone } from "../../../src/address/socket-address.ts";

const SCOPE = 24;

describe("the zone of an IPv6 address", () => {
  test.each([
    ["::1", 0],
    ["fe80::1%7", 7],
    ["fe80::1%no-such-interface", 0],
  ])("%s has the scope %p", (host, scope) => {
    const { bytes } = ipv6Address(host, 80);
    expect(new DataView(bytes.buffer).getUint32(SCOPE, true)).toBe(scope);
  });

  test.skipIf(process.platform !== "linux")("is the index of the interface that it names", () => {
    const { bytes } = ipv6Address("fe80::1%lo", 80);
    expect(new DataView(bytes.buffer).getUint32(SCOPE, true)).toBe(
      Number(readFileSync("/sys/class/net/lo/ifindex", "utf8")),
    );
  });

  test("is said to be missing, if this machine has no such interface", () => {
    expect(missingZone("fe80::1%no-such-interface")).toBe(
      "this machine has no interface no-such-interface with an IPv6 address",
    );
  });

  test.each(["::1", "fe80::1%7", "127.0.0.1", ""])("is not said to be missing for %j", (host) => {
    expect(missingZone(host)).toBe("");
  });

  test("is looked up for each connection, because its interface may come later", () => {
    const named = targetOf({ kind: "tcp", host: "fe80::1%no-such-interface", port: 80 });
    expect(named.addresses()).not.toBe(named.addresses());
    const fixed = targetOf({ kind: "tcp", host: "::1", port: 80 });
    expect(fixed.addresses()).toBe(fixed.addresses());
  });
});
