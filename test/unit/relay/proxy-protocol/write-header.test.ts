import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseAddress } from "../../../../src/index.ts";
import { ipAddress, ipFromBytes } from "../../../../src/address/ip-address-and-ipv4-mapping.ts";
import { ipEndpoint } from "../../../../src/address/ip-endpoint.ts";
import {
  UNIDENTIFIED,
  type AcceptedClient,
} from "../../../../src/relay/admission/accepted-client.ts";
import { Pipe } from "../../../../src/relay/stream/pipe.ts";
import {
  CREDENTIAL_TLV,
  headerOf,
  type ProxiedClient,
  proxyHeader,
} from "../../../../src/relay/proxy-protocol/write-header.ts";
import { Side } from "../../../../src/relay/stream/side.ts";
import { holds } from "../../../support/property.ts";

// The specification: doc/proxy-protocol.txt of haproxy/haproxy, 2026-04-27.
const SIGNATURE = "0d0a0d0a000d0a515549540a";
// The longest line of text (2.1), and the smallest segment that everybody takes at once (2).
const LINE_MOST = 107;
const SEGMENT_LEAST = 536;

const TCP = parseAddress("127.0.0.1:80", "destination");
const UNIX = parseAddress("/run/socket", "destination");

function arrivalFrom(
  remote: readonly [address: string, port: number],
  local: readonly [address: string, port: number],
): AcceptedClient {
  return { fd: -1, client: ipEndpoint(...remote), source: ipEndpoint(...local) };
}

describe("a TCP client", () => {
  test.each<[what: string, accepted: AcceptedClient, line: string, body: string]>([
    [
      "over IPv4",
      arrivalFrom(["192.0.2.1", 56324], ["192.0.2.11", 443]),
      "TCP4 192.0.2.1 192.0.2.11 56324 443",
      "2111 000c c0000201 c000020b dc04 01bb",
    ],
    [
      "over IPv6",
      arrivalFrom(["2001:db8::1", 1], ["::1", 65535]),
      "TCP6 2001:db8::1 ::1 1 65535",
      "2121 0024 20010db8000000000000000000000001 00000000000000000000000000000001 0001 ffff",
    ],
    [
      "over IPv4 to an IPv6 socket",
      arrivalFrom(["::ffff:127.0.0.2", 5], ["::ffff:127.0.0.1", 80]),
      "TCP4 127.0.0.2 127.0.0.1 5 80",
      "2111 000c 7f000002 7f000001 0005 0050",
    ],
    [
      "with a zone",
      arrivalFrom(["fe80::2%eth0", 5], ["fe80::1%2", 80]),
      "TCP6 fe80::2 fe80::1 5 80",
      "2121 0024 fe800000000000000000000000000002 fe800000000000000000000000000001 0005 0050",
    ],
    [
      "with an IPv4-compatible address, which is IPv6",
      arrivalFrom(["::192.0.2.1", 5], ["2001:db8:1:1:1:1:1:1", 80]),
      "TCP6 ::c000:201 2001:db8:1:1:1:1:1:1 5 80",
      "2121 0024 000000000000000000000000c0000201 20010db8000100010001000100010001 0005 0050",
    ],
  ])("%s", (_, accepted, line, body) => {
    expect(text(headerOf("v1", TCP)(accepted))).toBe(`PROXY ${line}\r\n`);
    expect(hex(headerOf("v2", TCP)(accepted))).toBe(SIGNATURE + body.replaceAll(" ", ""));
  });

  const ipv4 = fc.uint8Array({ minLength: 4, maxLength: 4 });
  const ipv6 = fc
    .uint8Array({ minLength: 16, maxLength: 16 })
    .filter((bytes) => !hex(bytes).startsWith(`${"0".repeat(20)}ffff`));
  const port = fc.nat(65_535);
  const tuples = fc.oneof(fc.tuple(ipv4, port, ipv4, port), fc.tuple(ipv6, port, ipv6, port));

  test("whatever the addresses and ports: both headers say them, and fit", () => {
    holds(
      import.meta.path,
      fc.property(tuples, ([from, fromPort, to, toPort]) => {
        const client: ProxiedClient = {
          kind: "tcp",
          source: { address: ipFromBytes(from), port: fromPort },
          destination: { address: ipFromBytes(to), port: toPort },
        };
        const line = text(proxyHeader("v1", client));
        expect(line.length).toBeLessThanOrEqual(LINE_MOST);
        const match = /^PROXY (TCP[46]) (\S+) (\S+) (0|[1-9]\d*) (0|[1-9]\d*)\r\n$/.exec(line);
        const [, family, fromText = "", toText = "", ...ports] = match ?? [];
        expect(family).toBe(from.length === 4 ? "TCP4" : "TCP6");
        expect(ipAddress(fromText)?.bytes).toEqual(from);
        expect(ipAddress(toText)?.bytes).toEqual(to);
        expect(ports.map(Number)).toEqual([fromPort, toPort]);

        const header = proxyHeader("v2", client);
        const length = 2 * from.length + 4;
        expect(header.length).toBe(16 + length);
        expect(hex(header.subarray(0, 12))).toBe(SIGNATURE);
        expect([...header.subarray(12, 16)]).toEqual([
          0x21,
          length === 12 ? 0x11 : 0x21,
          0,
          length,
        ]);
        expect(header.slice(16, 16 + from.length)).toEqual(from);
        expect(header.slice(16 + from.length, 16 + 2 * from.length)).toEqual(to);
        const view = new DataView(header.buffer, header.byteOffset + 16 + 2 * from.length, 4);
        expect([view.getUint16(0), view.getUint16(2)]).toEqual([fromPort, toPort]);
      }),
      { runs: 2_000 },
    );
  });

  test("that nobody can name has no header: nobody lets it in", () => {
    for (const version of ["v1", "v2"] as const)
      expect(() => headerOf(version, TCP)(UNIDENTIFIED)).toThrow("without an address");
  });
});

describe("a Unix client", () => {
  const name = (path: string) => hex(Buffer.from(path)).padEnd(216, "0");
  const unnamed = "0".repeat(216);

  test("is unknown in v1", () => {
    const client: ProxiedClient = {
      kind: "unix",
      destination: "/run/x",
      credential: { uid: 1, pid: 2 },
    };
    expect(text(proxyHeader("v1", client))).toBe("PROXY UNKNOWN\r\n");
  });

  test.each<[what: string, client: ProxiedClient, body: string]>([
    [
      "whose user is known",
      { kind: "unix", destination: "/run/x", credential: { uid: 1000, pid: 0x12345 } },
      `2131 00e3 ${unnamed} ${name("/run/x")} e0 0008 000003e8 00012345`,
    ],
    [
      "of the greatest ids",
      { kind: "unix", destination: "/run/x", credential: { uid: 2 ** 32 - 2, pid: 2 ** 22 } },
      `2131 00e3 ${unnamed} ${name("/run/x")} e0 0008 fffffffe 00400000`,
    ],
    [
      "whose user is not known",
      { kind: "unix", destination: "/run/x" },
      `2131 00d8 ${unnamed} ${name("/run/x")}`,
    ],
    [
      "of an abstract socket",
      { kind: "unix", destination: "\0x" },
      `2131 00d8 ${unnamed} ${name("\0x")}`,
    ],
    [
      "of the longest path",
      { kind: "unix", destination: `/${"é".repeat(53)}` },
      `2131 00d8 ${unnamed} ${name(`/${"é".repeat(53)}`)}`,
    ],
  ])("%s, in v2", (_, client, body) => {
    const header = proxyHeader("v2", client);
    expect(hex(header)).toBe(SIGNATURE + body.replaceAll(" ", ""));
    expect(header.length).toBeLessThanOrEqual(SEGMENT_LEAST);
  });

  test("that cannot be asked for is one whose user is not known", () => {
    const header = headerOf("v2", UNIX)(UNIDENTIFIED);
    expect(hex(header)).toBe(`${SIGNATURE}213100d8${unnamed}${name("/run/socket")}`);
  });

  test("of an abstract source connected to a NUL and its name", () => {
    const header = headerOf("v2", parseAddress("@socket", "destination"))(UNIDENTIFIED);
    expect(hex(header)).toEndWith(name("\0socket"));
  });

  test("has a TLV of the range for applications", () => {
    expect(CREDENTIAL_TLV).toBeWithin(0xe0, 0xf0);
  });
});

describe("a destination's kernel that takes little at a time", () => {
  /** A side that takes so many bytes of each write, and keeps them. */
  class Narrow extends Side {
    readonly isTcp = true;
    readonly got: number[] = [];
    #sizes: Iterator<number>;

    constructor(sizes: Iterable<number>) {
      super();
      this.#sizes = sizes[Symbol.iterator]();
    }

    override write(bytes: Uint8Array): number {
      const room: number = this.#sizes.next().value ?? bytes.length;
      const taken = Math.min(room, bytes.length);
      this.got.push(...bytes.subarray(0, taken));
      return taken;
    }
  }

  const header = Buffer.from("PROXY UNKNOWN\r\n");

  test("gets the header, then what the client had sent, then what it sends", () => {
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 20 });
    const chunks = fc.array(bytes, { maxLength: 5 });
    holds(
      import.meta.path,
      fc.property(chunks, chunks, fc.array(fc.nat(8)), (before, after, sizes) => {
        const to = new Narrow(sizes);
        const pipe = new Pipe(new Narrow([]), to, {
          bulk: null,
          memory: { isReached: false, changed() {} },
        });
        for (const chunk of before) pipe.receive(chunk);
        to.ready = true;
        pipe.precede(header);
        pipe.advance();
        for (const chunk of after) {
          pipe.receive(chunk);
          pipe.advance();
        }
        pipe.end();
        while (pipe.held > 0) pipe.advance();
        const sent = [...before, ...after].flatMap((chunk) => [...chunk]);
        expect(to.got).toEqual([...header, ...sent]);
        expect(pipe.bytesRead).toBe(sent.length);
        expect(pipe.state).toBe("ended");
      }),
    );
  });
});

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
