import { describe, expect, test } from "bun:test";
import { isIPv4, isIPv6 } from "node:net";
import fc from "fast-check";
import {
  abstractAddress,
  ipv4Address,
  ipv6Address,
  readAddress,
  unixAddress,
} from "../../../src/address/socket-address.ts";
import { holds } from "../../support/property.ts";
import { roundsOf } from "../../support/repeat.ts";

const port = fc.nat(65_535);
// AF_UNIX, AF_INET and AF_INET6 are read; nothing else is.
const FAMILIES = [1, 1, 2, 2, 10, 10, 0, 16, 65_535];

describe("what is written as a sockaddr is read back", () => {
  test("IPv4", () => {
    holds(
      import.meta.path,
      fc.property(fc.ipV4(), port, (host, port) => {
        expect(readAddress(ipv4Address(host, port).bytes)).toEqual({ kind: "tcp", host, port });
      }),
    );
  });

  test("IPv6, however it is written", () => {
    holds(
      import.meta.path,
      fc.property(fc.ipV6(), port, (host, port) => {
        const { bytes } = ipv6Address(host, port);
        const read = readAddress(bytes);
        if (read?.kind !== "tcp") throw new Error(`${host} is read as ${JSON.stringify(read)}`);
        expect(read.port).toBe(port);
        // Of the many ways to write it one comes back; it says the same.
        expect(ipv6Address(read.host, port).bytes).toEqual(bytes);
        expect(ipv6Address(host.toUpperCase(), port).bytes).toEqual(bytes);
      }),
    );
  });

  test("IPv6 with a zone, which is the scope", () => {
    holds(
      import.meta.path,
      fc.property(fc.nat(0xffff_ffff), port, (zone, port) => {
        const { bytes } = ipv6Address(`fe80::1%${zone}`, port);
        expect(new DataView(bytes.buffer).getUint32(24, true)).toBe(zone);
        expect(readAddress(bytes)).toEqual({ kind: "tcp", host: "fe80::1", port });
      }),
    );
  });

  const name = fc
    .string({ unit: "grapheme", minLength: 1, maxLength: 40 })
    .filter((text) => !text.includes("\0"));

  test("a path", () => {
    holds(
      import.meta.path,
      fc.property(name, (path) => {
        expect(readAddress(unixAddress(path).bytes)).toEqual({ kind: "unix", path });
      }),
    );
  });

  test("an abstract name", () => {
    holds(
      import.meta.path,
      fc.property(name, (name) => {
        expect(readAddress(abstractAddress(name).bytes)).toEqual({ kind: "abstract", name });
      }),
    );
  });
});

test("of any bytes there is an address or none, and nothing is thrown", () => {
  const anyBytes = fc.uint8Array({ maxLength: 130, size: "max" });
  const almost = fc.tuple(fc.constantFrom(...FAMILIES), anyBytes).map(([family, rest]) => {
    const bytes = new Uint8Array(2 + rest.length);
    new DataView(bytes.buffer).setUint16(0, family, true);
    bytes.set(rest, 2);
    return bytes;
  });
  // As the caller has them: a part of a larger buffer.
  const part = fc.tuple(fc.oneof(anyBytes, almost), fc.nat(7)).map(([bytes, before]) => {
    const buffer = new Uint8Array(before + bytes.length + 3).fill(0xff);
    buffer.set(bytes, before);
    return buffer.subarray(before, before + bytes.length);
  });
  let read = 0;
  holds(
    import.meta.path,
    fc.property(part, (bytes) => {
      const address = readAddress(bytes);
      if (address === null) return;
      read += 1;
      if (address.kind === "tcp") {
        expect(isIPv4(address.host) || isIPv6(address.host)).toBe(true);
        expect(Number.isInteger(address.port)).toBe(true);
      } else if (address.kind === "unix") {
        expect(address.path).not.toContain("\0");
      }
    }),
    { runs: 3_000 },
  );
  expect(read).toBeGreaterThan(roundsOf(500));
});
