import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Cidr, CidrError, parseCidr } from "../../../src/index.ts";
import { holds } from "../../support/property.ts";

describe("a range of addresses", () => {
  test.each<[text: string, family: Cidr["family"], network: string, prefix: number]>([
    ["10.0.0.0/8", "ipv4", "10.0.0.0", 8],
    ["127.0.0.1", "ipv4", "127.0.0.1", 32],
    ["127.0.0.1/32", "ipv4", "127.0.0.1", 32],
    ["192.168.1.128/25", "ipv4", "192.168.1.128", 25],
    ["128.0.0.0/1", "ipv4", "128.0.0.0", 1],
    ["255.255.255.255", "ipv4", "255.255.255.255", 32],
    ["0.0.0.0/0", "ipv4", "0.0.0.0", 0],
    ["::/0", "ipv6", "::", 0],
    ["::1", "ipv6", "::1", 128],
    ["2001:DB8::/32", "ipv6", "2001:db8::", 32],
    ["2001:db8:0:0:0:0:0:1/128", "ipv6", "2001:db8::1", 128],
    ["fe80::/10", "ipv6", "fe80::", 10],
    ["8000::/1", "ipv6", "8000::", 1],
    ["64:ff9b::192.0.2.0/120", "ipv6", "64:ff9b::c000:200", 120],
    ["1::2:3:4:1.2.3.4", "ipv6", "1::2:3:4:102:304", 128],
    // IPv4-mapped: a client of such an address is an IPv4 client.
    ["::ffff:127.0.0.1", "ipv4", "127.0.0.1", 32],
    ["::ffff:7f00:1", "ipv4", "127.0.0.1", 32],
    ["::FFFF:10.0.0.0/104", "ipv4", "10.0.0.0", 8],
    ["::ffff:0:0/96", "ipv4", "0.0.0.0", 0],
  ])("%s", (text, family, network, prefix) => {
    expect(parseCidr(text)).toEqual({ family, network, prefix });
  });

  test.each([
    ["", "is not an address or range"],
    [" 10.0.0.0/8", "is not an address or range"],
    ["10.0.0.0/8 ", "needs a prefix length from 0 to 32"],
    ["10.0.0.0/", "needs a prefix length from 0 to 32"],
    ["10.0.0.0/33", "needs a prefix length from 0 to 32"],
    ["10.0.0.0/08", "needs a prefix length from 0 to 32"],
    ["10.0.0.0/+8", "needs a prefix length from 0 to 32"],
    ["10.0.0.0/-1", "needs a prefix length from 0 to 32"],
    ["10.0.0.0/8.0", "needs a prefix length from 0 to 32"],
    ["10.0.0.0/0x8", "needs a prefix length from 0 to 32"],
    ["10.0.0.0/8/8", "needs a prefix length from 0 to 32"],
    ["10.0.0.0/255.0.0.0", "needs a prefix length from 0 to 32"],
    ["::/129", "needs a prefix length from 0 to 128"],
    ["/8", "is not an address or range"],
    ["10/8", "is not an address or range"],
    ["10.0.0", "is not an address or range"],
    ["10.0.0.0.0", "is not an address or range"],
    ["10.0.0.256", "is not an address or range"],
    ["010.0.0.1", "is not an address or range"],
    ["0x0a.0.0.1", "is not an address or range"],
    ["167772161", "is not an address or range"],
    ["10.0.0.*", "is not an address or range"],
    ["10.0.0.1-10.0.0.9", "is not an address or range"],
    ["[::1]", "is not an address or range"],
    ["1::2::3", "is not an address or range"],
    ["localhost", "is not an address or range"],
    ["10.0.0.1:80", "is not an address or range"],
    ["10.0.0.1\n", "is not an address or range"],
    ["10.0.0.1\0", "is not an address or range"],
    ["fe80::1%eth0", "has a zone"],
    ["fe80::%lo/10", "has a zone"],
    ["10.0.0.1/8", "write 10.0.0.0/8 or 10.0.0.1"],
    ["127.0.0.1/0", "write 0.0.0.0/0 or 127.0.0.1"],
    ["255.255.255.255/31", "write 255.255.255.254/31 or 255.255.255.255"],
    ["2001:db8::1/64", "write 2001:db8::/64 or 2001:db8::1"],
    ["::ffff:10.0.0.1/104", "write 10.0.0.0/8 or 10.0.0.1"],
    ["::ffff:0:0/95", "is IPv4-mapped: its prefix is at least /96"],
  ])("%j is none", (text, reason) => {
    expect(() => parseCidr(text)).toThrow(CidrError);
    expect(() => parseCidr(text)).toThrow(reason);
    expect(() => parseCidr(text)).toThrow(JSON.stringify(text));
  });
});

describe("whatever the text", () => {
  test("it is a range, or a CidrError says why not", () => {
    const soup = fc.string({ unit: fc.constantFrom(..."0123456789abcf.:/%[] \n\u0661") });
    holds(
      import.meta.path,
      fc.property(fc.oneof(fc.string(), soup), (text) => {
        try {
          const { family, network, prefix } = parseCidr(text);
          expect(parseCidr(`${network}/${prefix}`)).toEqual({ family, network, prefix });
        } catch (error) {
          expect(error).toBeInstanceOf(CidrError);
        }
      }),
      { runs: 5_000 },
    );
  });

  test("of an address and a prefix one is refused unless the bits beyond are clear", () => {
    const ranges = fc.oneof(
      fc.tuple(fc.ipV4(), fc.nat(32)),
      fc.tuple(fc.ipV6(), fc.nat(128)),
      fc.tuple(
        fc.ipV4().map((ipv4) => `::ffff:${ipv4}`),
        fc.integer({ min: 96, max: 128 }),
      ),
    );
    holds(
      import.meta.path,
      fc.property(ranges, ([address, prefix]) => {
        const text = `${address}/${prefix}`;
        const { value, bits } = numberOf(address);
        const beyond = value & ((1n << BigInt(bits - prefix)) - 1n);
        if (beyond !== 0n || (bits === 128 && prefix < 96 && value >> 32n === 0xffffn))
          return expect(() => parseCidr(text)).toThrow(CidrError);
        const parsed = parseCidr(text);
        const network = numberOf(parsed.network);
        expect(network.value).toBe(network.bits === 32 ? value & 0xffff_ffffn : value);
        expect(network.bits - parsed.prefix).toBe(bits - prefix);
      }),
      { runs: 5_000 },
    );
  });
});

/** An address as one number, read by nothing that the program uses. */
function numberOf(address: string): { value: bigint; bits: 32 | 128 } {
  const [, head = "", dotted] = /^(.*?)(\d+\.\d+\.\d+\.\d+)?$/.exec(address) ?? [];
  const tail = dotted?.split(".").reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  if (head === "" && tail !== undefined) return { value: tail, bits: 32 };
  const groupsIn = (text: string) => text.split(":").filter((group) => group !== "");
  const [left = "", right] = head.split("::");
  const wanted = tail === undefined ? 8 : 6;
  const first = groupsIn(left);
  const last = right === undefined ? [] : groupsIn(right);
  const zeros = Array<string>(wanted - first.length - last.length).fill("0");
  const value = [...first, ...zeros, ...last].reduce(
    (sum, group) => (sum << 16n) | BigInt(`0x${group}`),
    0n,
  );
  return { value: tail === undefined ? value : (value << 32n) | tail, bits: 128 };
}
