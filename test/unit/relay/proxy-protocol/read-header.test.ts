import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ipAddress } from "../../../../src/address/ip-address-and-ipv4-mapping.ts";
import { printIpEndpoint } from "../../../../src/address/ip-endpoint.ts";
import { HEADER_REFUSALS } from "../../../../src/relay/admission/refusal-reasons.ts";
import { crc32c } from "../../../../src/relay/proxy-protocol/crc32c.ts";
import { PROXY_VERSIONS } from "../../../../src/relay/options.ts";
import { proxyHeader } from "../../../../src/relay/proxy-protocol/write-header.ts";
import {
  BINARY_BYTES_MAX,
  type HeaderReading,
  readProxyHeader,
  TEXT_BYTES_MAX,
} from "../../../../src/relay/proxy-protocol/read-header.ts";
import { holds } from "../../../support/property.ts";

// The specification: doc/proxy-protocol.txt of haproxy/haproxy, 2026-04-27.
const SIGNATURE = "0d0a0d0a000d0a515549540a";
const hex = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");
const binary = (rest: string) => hex(`${SIGNATURE}${rest}`);

/** The ends as text, or why there are none. */
function shown(reading: HeaderReading): string {
  switch (reading.kind) {
    case "incomplete":
      return "incomplete";
    case "invalid":
      return reading.fault;
    case "complete":
      return typeof reading.ends === "string"
        ? reading.ends
        : `${printIpEndpoint(reading.ends.client)} to ${printIpEndpoint(reading.ends.source)}`;
  }
}

const TCP4 = "2111 000c c0000201 c000020b dc04 01bb";
const LOCAL_WITH_JUNK = "20ff 0003 ffffff";

describe("a header", () => {
  test.each([
    ["PROXY TCP4 192.0.2.1 192.0.2.11 56324 443\r\n", "192.0.2.1:56324 to 192.0.2.11:443"],
    ["PROXY TCP6 2001:db8::1 ::1 1 65535\r\n", "[2001:db8::1]:1 to [::1]:65535"],
    ["PROXY TCP6 ::ffff:10.1.2.3 ::1 1 2\r\n", "10.1.2.3:1 to [::1]:2"],
    ["PROXY UNKNOWN\r\n", "UNKNOWN"],
    ["PROXY UNKNOWN ffff:f...f:ffff whatever 65535 65535\r\n", "UNKNOWN"],
  ])("of version 1: %j", (text, ends) => {
    const header = Buffer.from(text);
    expect(shown(readProxyHeader(header))).toBe(ends);
    const followed = readProxyHeader(Buffer.concat([header, Buffer.from("GET / \r\n\r\n")]));
    expect(followed).toMatchObject({ kind: "complete", length: header.length });
  });

  test.each([
    ["over IPv4", TCP4, "192.0.2.1:56324 to 192.0.2.11:443"],
    [
      "over IPv6",
      `2121 0024 20010db8${"0".repeat(23)}1 ${"0".repeat(31)}1 0001 ffff`,
      "[2001:db8::1]:1 to [::1]:65535",
    ],
    [
      "with an IPv4 client on an IPv6 socket",
      `2121 0024 ${"0".repeat(20)}ffff0a010203 ${"0".repeat(31)}1 0001 0002`,
      "10.1.2.3:1 to [::1]:2",
    ],
    [
      "with TLVs",
      "2111 0014 c0000201 c000020b dc04 01bb 040000 e10002 abcd",
      "192.0.2.1:56324 to 192.0.2.11:443",
    ],
    ["that is local", "2000 0000", "LOCAL"],
    ["that is local, with a family and bytes to ignore", LOCAL_WITH_JUNK, "LOCAL"],
    ["of an unspecified family", "2100 0000", "other"],
    ["over UDP", "2112 000c c0000201 c000020b dc04 01bb", "other"],
    ["of a Unix client", `2131 00d8 ${"0".repeat(432)}`, "unix"],
  ])("of version 2 %s", (_, rest, ends) => {
    const header = binary(rest);
    expect(shown(readProxyHeader(header))).toBe(ends);
    const followed = readProxyHeader(Buffer.concat([header, header]));
    expect(followed).toMatchObject({ kind: "complete", length: header.length });
  });

  test.each([
    ["GET / HTTP/1.1\r\n\r\n", "missing"],
    ["PROXX", "missing"],
    ["\r\n\r\n\0\r\nQUIZ", "missing"],
    ["PROXY TCP4 192.0.2.1 192.0.2.11 56324 443\n", "text line end"],
    ["PROXY TCP4 192.0.2.1 192.0.2.11 56324\r\n", "text word count"],
    ["PROXY TCP4 192.0.2.1 192.0.2.11 56324 443 1\r\n", "text word count"],
    ["PROXY TCP4 192.0.2.1 192.0.2.11 056324 443\r\n", "text port"],
    ["PROXY TCP4 192.0.2.1 192.0.2.11 65536 443\r\n", "text port"],
    ["PROXY TCP4 192.0.2.01 192.0.2.11 1 443\r\n", "text address"],
    ["PROXY TCP4 ::1 ::1 1 443\r\n", "text address"],
    ["PROXY TCP6 fe80::1%1 ::1 1 443\r\n", "text address"],
    ["PROXY TCP6 1.2.3.4 ::1 1 443\r\n", "text address"],
    ["PROXY TCP4  192.0.2.1 192.0.2.11 1 443\r\n", "text word count"],
    ["PROXY UDP4 192.0.2.1 192.0.2.11 1 443\r\n", "text family"],
    ["PROXY UNKNOWNS\r\n", "text family"],
    [`PROXY UNKNOWN ${"x".repeat(93)}`, "text too long"],
  ])("in text, %j, is %s", (text, fault) => {
    expect(shown(readProxyHeader(Buffer.from(text)))).toBe(fault);
  });

  test.each([
    ["of another version", "1111 000c c0000201 c000020b dc04 01bb", "binary version"],
    ["with an unknown command", "2211 000c c0000201 c000020b dc04 01bb", "binary version"],
    ["of an unknown family", "2141 000c c0000201 c000020b dc04 01bb", "binary family"],
    ["of an unknown protocol", "2113 000c c0000201 c000020b dc04 01bb", "binary family"],
    ["shorter than its addresses", "2111 000b c0000201 c000020b dc04 01", "binary length"],
    ["with half a TLV", "2111 000e c0000201 c000020b dc04 01bb 0400", "binary TLV"],
    ["with a TLV that is cut", "2111 0010 c0000201 c000020b dc04 01bb 040002 00", "binary TLV"],
    [
      "with a wrong checksum",
      "2111 0013 c0000201 c000020b dc04 01bb 030004 00000000",
      "binary checksum",
    ],
    [
      "with half a checksum",
      "2111 0011 c0000201 c000020b dc04 01bb 030002 0000",
      "binary checksum",
    ],
    ["that is too long", "2111 0ff1", "binary too long"],
  ])("in binary %s is refused", (_, rest, fault) => {
    expect(shown(readProxyHeader(binary(rest)))).toBe(fault);
  });

  test("that is too long is refused with the limit", () => {
    expect(HEADER_REFUSALS["text too long"]).toContain(` ${TEXT_BYTES_MAX} bytes`);
    expect(HEADER_REFUSALS["binary too long"]).toContain(` ${BINARY_BYTES_MAX} bytes`);
  });

  test("in binary with the right checksum is accepted", () => {
    const header = binary("2111 0013 c0000201 c000020b dc04 01bb 030004 00000000");
    header.writeUInt32BE(crc32c(header), header.length - 4);
    expect(shown(readProxyHeader(header))).toBe("192.0.2.1:56324 to 192.0.2.11:443");
  });

  test("may have the greatest length that is accepted", () => {
    const value = BINARY_BYTES_MAX - 16 - 12 - 3;
    const header = Buffer.concat([
      binary(`2111 0ff0 c0000201 c000020b dc04 01bb 04 ${value.toString(16).padStart(4, "0")}`),
      Buffer.alloc(value),
    ]);
    expect(header.length).toBe(BINARY_BYTES_MAX);
    expect(readProxyHeader(header)).toMatchObject({ kind: "complete", length: BINARY_BYTES_MAX });
  });
});

// RFC 3720 B.4.
test.each([
  ["00".repeat(32), 0x8a9136aa],
  ["ff".repeat(32), 0x62a8ab43],
])("CRC-32C of %s", (bytes, crc) => {
  expect(crc32c(hex(bytes))).toBe(crc);
});

const endpoint = fc.record({
  address: fc
    .oneof(fc.ipV4(), fc.ipV6())
    .map(ipAddress)
    .filter((address) => address !== null),
  port: fc.nat(65_535),
});

describe("any header that this program writes", () => {
  test("reads back, and is incomplete until its last byte", () => {
    holds(
      import.meta.path,
      fc.property(
        ...[endpoint, endpoint, fc.constantFrom(...PROXY_VERSIONS), fc.uint8Array()],
        (client, source, version, data) => {
          const header = proxyHeader(version, { kind: "tcp", source: client, destination: source });
          const reading = readProxyHeader(Buffer.concat([header, data]));
          expect(reading).toEqual({
            kind: "complete",
            length: header.length,
            ends: { client, source },
          });
          for (let length = 0; length < header.length; length += 1)
            expect(readProxyHeader(header.subarray(0, length)).kind).toBe("incomplete");
        },
      ),
    );
  });
});

describe("any bytes", () => {
  const start = fc.constantFrom(
    Buffer.alloc(0),
    Buffer.from("PROXY "),
    Buffer.from("PROXY TCP4 1.2.3.4 5.6.7.8 "),
    binary("2111"),
    binary("2121"),
  );
  test("are read without an error, and more bytes never change a verdict", () => {
    holds(
      import.meta.path,
      fc.property(start, fc.uint8Array({ maxLength: 300 }), (first, rest) => {
        const bytes = Buffer.concat([first, rest]);
        let verdict: HeaderReading | null = null;
        for (let length = 0; length <= bytes.length; length += 1) {
          const reading = readProxyHeader(bytes.subarray(0, length));
          if (verdict !== null) expect(reading).toEqual(verdict);
          else if (reading.kind !== "incomplete") verdict = reading;
        }
      }),
    );
  });
});
