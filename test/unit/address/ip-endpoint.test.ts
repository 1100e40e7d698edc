import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  ipEndpoint,
  printIpEndpoint,
  readIpEndpoint,
  readSender,
} from "../../../src/address/ip-endpoint.ts";
import { ipv4Address, ipv6Address } from "../../../src/address/socket-address.ts";
import { holds } from "../../support/property.ts";

const printed = (endpoint: ReturnType<typeof ipEndpoint>) => endpoint && printIpEndpoint(endpoint);

describe("an endpoint of a sockaddr", () => {
  test.each([
    [ipv4Address("192.0.2.1", 80), "192.0.2.1:80"],
    [ipv6Address("2001:db8::1", 65_535), "[2001:db8::1]:65535"],
    [ipv6Address("::ffff:192.0.2.1", 1), "192.0.2.1:1"],
    [ipv6Address("fe80::1%7", 1), "[fe80::1]:1"],
  ])("%j", ({ bytes }, text) => {
    expect(printed(readIpEndpoint(bytes))).toBe(text);
    // One that is cut short is none.
    expect(readIpEndpoint(bytes.subarray(0, -1))).toBeNull();
  });

  test("is the same as by its text", () => {
    holds(
      import.meta.path,
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat(65_535), (host, port) => {
        const { bytes } = host.includes(":") ? ipv6Address(host, port) : ipv4Address(host, port);
        const read = readIpEndpoint(bytes);
        expect(read).toEqual(ipEndpoint(host, port));
        if (!host.includes(":")) expect(printed(read)).toBe(`${host}:${port}`);
      }),
    );
  });
});

test.each([
  ["no address", undefined, 80],
  ["no port", "127.0.0.1", undefined],
  ["no address but a text", "nonsense", 80],
])("there is no endpoint of %s", (_, host, port) => {
  expect(ipEndpoint(host, port)).toBeNull();
});

describe("the sender of a packet", () => {
  // As Linux gives them for TCP_SAVED_SYN.
  const ipv4 =
    "4500003ce7ed4000400654cc7f0000017f000001dd4c8a8db5711fb200000000a002ffd7fe3000000204ffd7";
  const ipv6 =
    "60096f6400280640000000000000000000000000000000010000000000000000000000000000000" +
    "1ae4ecb07c3fa403b00000000a002ffc4003000000204ffc4";
  const withOptions = `46${"00".repeat(8)}06${"00".repeat(2)}0a0000017f000001${"00".repeat(4)}1f90`;

  test.each([
    ["IPv4", ipv4, "127.0.0.1:56652"],
    ["IPv6", ipv6, "[::1]:44622"],
    ["IPv4 with options", withOptions, "10.0.0.1:8080"],
  ])("over %s", (_, packet, text) => {
    expect(printed(readSender(Buffer.from(packet, "hex")))).toBe(text);
  });

  test.each([
    ["nothing", ""],
    ["another version of IP", `7${ipv4.slice(1)}`],
    ["UDP", `${ipv4.slice(0, 18)}11${ipv4.slice(20)}`],
    ["a header between the two", `${ipv6.slice(0, 12)}00${ipv6.slice(14)}`],
    ["a packet that is cut short", ipv4.slice(0, 42)],
  ])("is not told of %s", (_, packet) => {
    expect(readSender(Buffer.from(packet, "hex"))).toBeNull();
  });

  test("of any bytes is an endpoint or none, and nothing is thrown", () => {
    holds(
      import.meta.path,
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const sender = readSender(bytes);
        if (sender !== null) expect(printIpEndpoint(sender)).toMatch(/^(\[.+\]|[\d.]+):\d+$/);
      }),
    );
  });
});
