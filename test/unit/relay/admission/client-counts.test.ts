import { expect, test } from "bun:test";
import { ipAddress } from "../../../../src/address/ip-address-and-ipv4-mapping.ts";
import {
  ipClient,
  OwnClientCounts,
  unixClient,
} from "../../../../src/relay/admission/client-counts.ts";

function clientOf(text: string): bigint {
  const address = ipAddress(text);
  if (address === null) throw new Error(`no address: ${text}`);
  return ipClient(address);
}

test.each([
  ["192.0.2.1", "192.0.2.1", true],
  ["192.0.2.1", "::ffff:192.0.2.1", true],
  ["192.0.2.1", "192.0.2.2", false],
  ["2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true],
  ["2001:db8:1:2::1", "2001:db8:1:3::1", false],
  // The greatest IPv4 address, and the network of 64 bits that looks like it.
  ["255.255.255.255", "ffff:ffff::", false],
  ["0.0.0.0", "::1", false],
  ["::1", "::2", true],
])("%s and %s are one client: %p", (one, other, same) => {
  expect(clientOf(one) === clientOf(other)).toBe(same);
});

test.each([
  [0, "::1"],
  [0, "0.0.0.0"],
  [1, "0.0.0.1"],
  [0xffff_ffff, "255.255.255.255"],
])("user %d and %s are two clients", (uid, address) => {
  expect(unixClient(uid)).not.toBe(clientOf(address));
});

test("connections are counted by client", () => {
  const counts = new OwnClientCounts();
  expect([counts.enter(1n), counts.enter(1n), counts.enter(2n)]).toEqual([1, 2, 1]);
  counts.leave(1n);
  counts.leave(2n);
  expect([counts.enter(1n), counts.enter(2n)]).toEqual([2, 1]);
});
