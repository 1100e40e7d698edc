import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { parseAddress, parseCidr, RelayError, type SocketEndpoint } from "../../../../src/index.ts";
import { ipEndpoint } from "../../../../src/address/ip-endpoint.ts";
import { type AccessRules, judgeOf } from "../../../../src/relay/admission/allow-and-deny-rules.ts";
import {
  UNIDENTIFIED,
  type AcceptedClient,
} from "../../../../src/relay/admission/accepted-client.ts";
import { RawListener, RawSocket } from "../../../support/sockets/raw-socket.ts";
import { holds } from "../../../support/property.ts";

const TCP = parseAddress("127.0.0.1:80", "destination");
const UNIX = parseAddress("/run/socket", "destination");
const ABSTRACT = parseAddress("@socket", "destination");

/** The rules as on a command line. */
function ranges(allow: string | null, deny: string | null): AccessRules {
  const read = (list: string) => list.split(",").map(parseCidr);
  return {
    ...(allow !== null && { allow: allow === "" ? [] : read(allow) }),
    ...(deny !== null && { deny: deny === "" ? [] : read(deny) }),
  };
}

function tcpClient(host: string, port = 4321): AcceptedClient {
  return { ...UNIDENTIFIED, client: ipEndpoint(host, port) };
}

/** The reason for which a client is refused, or null. */
function verdict(
  rules: AccessRules,
  source: SocketEndpoint,
  client: AcceptedClient,
): string | null {
  const judge = judgeOf(rules, source);
  return judge === null ? null : (judge(client)?.reason ?? null);
}

describe("TCP clients by address", () => {
  const DENIED = "its address is denied";
  const NOT_ALLOWED = "its address is not allowed";

  test.each<[allow: string | null, deny: string | null, client: string, reason: string | null]>([
    ["127.0.0.1", null, "127.0.0.1", null],
    ["127.0.0.1", null, "127.0.0.2", NOT_ALLOWED],
    ["127.0.0.1", null, "::1", NOT_ALLOWED],
    ["127.0.0.1,::1", null, "::1", null],
    ["10.0.0.0/8,192.168.0.0/16", null, "192.168.255.255", null],
    ["10.0.0.0/8,192.168.0.0/16", null, "192.169.0.0", NOT_ALLOWED],
    [null, "10.0.0.0/8", "10.255.255.255", DENIED],
    [null, "10.0.0.0/8", "11.0.0.0", null],
    [null, "10.0.0.0/8", "2001:db8::1", null],
    // Denial wins, whichever of the two is narrower.
    ["10.0.0.0/8", "10.0.0.1", "10.0.0.1", DENIED],
    ["10.0.0.1", "10.0.0.0/8", "10.0.0.1", DENIED],
    ["10.0.0.0/8", "10.0.0.1", "10.0.0.2", null],
    ["0.0.0.0/0", "0.0.0.0/0", "1.2.3.4", DENIED],
    // An IPv4 client of an IPv6 socket is an IPv4 client, and no other rule is about it.
    ["127.0.0.1", null, "::ffff:127.0.0.1", null],
    ["127.0.0.1", null, "::ffff:7f00:1", null],
    ["127.0.0.1", null, "::ffff:127.0.0.2", NOT_ALLOWED],
    [null, "127.0.0.0/8", "::ffff:127.9.9.9", DENIED],
    ["::ffff:127.0.0.1", null, "127.0.0.1", null],
    [null, "::ffff:0:0/96", "127.0.0.1", DENIED],
    [null, "::/0", "::ffff:127.0.0.1", null],
    ["::/0", null, "::ffff:127.0.0.1", NOT_ALLOWED],
    [null, "::/0", "127.0.0.1", null],
    [null, "0.0.0.0/0", "::1", null],
    [null, "::/0", "::1", DENIED],
    // IPv4-compatible addresses, which nobody has, are IPv6.
    [null, "127.0.0.1", "::127.0.0.1", null],
    // A zone is of this machine and says nothing of the address.
    ["fe80::/10", null, "fe80::1%eth0", null],
    [null, "fe80::/10", "fe80::1%2", DENIED],
    // Lists that hold nothing.
    ["", null, "127.0.0.1", NOT_ALLOWED],
    ["", "", "127.0.0.1", NOT_ALLOWED],
    [null, "", "127.0.0.1", null],
  ])("allow %j, deny %j: %s", (allow, deny, client, reason) => {
    expect(verdict(ranges(allow, deny), TCP, tcpClient(client))).toBe(reason);
  });

  test.each([
    ["127.0.0.1", "127.0.0.1:4321"],
    ["::1", "[::1]:4321"],
    ["::ffff:127.0.0.1", "127.0.0.1:4321"],
  ])("a refusal names the client: %s", (client, name) => {
    expect(judgeOf(ranges("", null), TCP)?.(tcpClient(client))?.client).toBe(name);
  });

  test.each([
    ["without an address", UNIDENTIFIED],
    ["with an address that is none", tcpClient("nonsense")],
    ["with an empty address", tcpClient("")],
  ])("a client %s is refused by any rule", (_, client) => {
    const refusal = { client: "", reason: "its address is unknown" };
    expect(judgeOf(ranges("0.0.0.0/0,::/0", null), TCP)?.(client)).toEqual(refusal);
    expect(judgeOf(ranges(null, "1.2.3.4"), TCP)?.(client)).toEqual(refusal);
  });

  test("any lists and any client: as bits compared one by one", () => {
    // Few bits, so that lists and clients often meet.
    const address = fc.oneof(
      fc.nat(255).map((low) => ({ bits: `${"0".repeat(24)}${binary(low, 8)}`, mapped: false })),
      fc.nat(255).map((low) => ({ bits: `${"0".repeat(24)}${binary(low, 8)}`, mapped: true })),
      fc.nat(255).map((low) => ({
        bits: `0010${"0".repeat(116)}${binary(low, 8)}`,
        mapped: false,
      })),
    );
    const range = fc.tuple(address, fc.nat(9)).map(([{ bits }, short]) => {
      const prefix = short === 9 ? 0 : bits.length - short;
      return { bits: bits.slice(0, prefix), size: bits.length, prefix };
    });
    const list = fc.option(fc.array(range, { maxLength: 4 }));
    holds(
      import.meta.path,
      fc.property(list, list, address, (allow, deny, client) => {
        const holds = (ranges: typeof allow) =>
          (ranges ?? []).some(
            ({ bits, size }) => size === client.bits.length && client.bits.startsWith(bits),
          );
        const expected = holds(deny) ? DENIED : allow && !holds(allow) ? NOT_ALLOWED : null;
        const write = (ranges: NonNullable<typeof allow>) =>
          ranges.map(({ bits, size, prefix }) =>
            parseCidr(`${addressOf(bits.padEnd(size, "0"))}/${prefix}`),
          );
        const rules = {
          ...(allow && { allow: write(allow) }),
          ...(deny && { deny: write(deny) }),
        };
        const text = addressOf(client.bits);
        const host = client.mapped ? `::ffff:${text}` : text;
        expect(verdict(rules, TCP, tcpClient(host))).toBe(expected);
      }),
      { runs: 2_000 },
    );
  });
});

describe("Unix clients by what the kernel says of them", () => {
  const uid = process.getuid?.() ?? -1;
  const gid = process.getgid?.() ?? -1;
  const resources = new DisposableStack();
  let unixClient: AcceptedClient;
  let tcpSocket: AcceptedClient;

  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), "access-"));
    resources.defer(() => rmSync(folder, { recursive: true }));
    unixClient = await acceptedAt({ kind: "unix", path: join(folder, "socket") });
    tcpSocket = await acceptedAt({ kind: "tcp", host: "127.0.0.1", port: 0 });
  });

  afterAll(() => resources.dispose());

  /** The accepted end of a connection that this process makes to itself. */
  async function acceptedAt(endpoint: SocketEndpoint): Promise<AcceptedClient> {
    const listener = resources.use(new RawListener(endpoint));
    resources.use(await RawSocket.connect(listener.endpoint));
    const { fd } = resources.use(await listener.accept());
    return { ...UNIDENTIFIED, fd };
  }

  const NOT_ALLOWED = "neither its user nor any of its groups is allowed";

  test("its user, its group, or neither", () => {
    const other = uid + 1;
    const judge = (rules: AccessRules) => verdict(rules, UNIX, unixClient);
    expect(judge({ allowUsers: [other, uid] })).toBeNull();
    expect(judge({ allowGroups: [gid] })).toBeNull();
    expect(judge({ allowUsers: [other], allowGroups: [gid] })).toBeNull();
    expect(judge({ allowUsers: [uid], allowGroups: [4_000_000_000] })).toBeNull();
    expect(judge({ allowUsers: [other] })).toBe(NOT_ALLOWED);
    expect(judge({ allowUsers: [], allowGroups: [] })).toBe(NOT_ALLOWED);
    expect(judge({ allowUsers: [] })).toBe(NOT_ALLOWED);
    expect(judge({ allowUsers: [other], allowGroups: [4_000_000_000] })).toBe(NOT_ALLOWED);
  });

  test("supplementary groups", () => {
    const [supplementary] = process.getgroups?.().filter((group) => group !== gid) ?? [];
    if (supplementary === undefined) return;
    expect(verdict({ allowGroups: [supplementary] }, ABSTRACT, unixClient)).toBeNull();
  });

  test("a refusal names user, group and process", () => {
    const refusal = judgeOf({ allowUsers: [] }, UNIX)?.(unixClient);
    expect(refusal?.client).toBe(`user ${uid}, group ${gid}, process ${process.pid}`);
  });

  // The kernel has noted nobody of a TCP socket and says so by ids that are nobody's: 2³² - 1.
  test.each([
    ["a descriptor that is closed", () => UNIDENTIFIED, "EBADF"],
    ["a socket that knows no peer", () => tcpSocket, "ENODATA"],
  ])("%s: refused, whoever is allowed", (_, client, code) => {
    const everybody = [0, uid, 65_534, 2 ** 32 - 1, 2 ** 32 - 2];
    expect(judgeOf({ allowUsers: everybody, allowGroups: everybody }, UNIX)?.(client())).toEqual({
      client: "",
      reason: `its credential cannot be read (${code})`,
    });
  });
});

describe("no rules", () => {
  test.each([TCP, UNIX, ABSTRACT])("no judge: %j", (source) => {
    expect(judgeOf({}, source)).toBeNull();
  });
});

describe("rules of the other kind of source would leave this one open", () => {
  test.each<[SocketEndpoint, AccessRules]>([
    [TCP, { allowUsers: [0] }],
    [TCP, { allowGroups: [] }],
    [TCP, { allow: [], allowUsers: [] }],
    [UNIX, { allow: [] }],
    [UNIX, { deny: [] }],
    [UNIX, { allowUsers: [0], deny: [] }],
    [ABSTRACT, { allow: [parseCidr("127.0.0.1")] }],
  ])("%j %j", (source, rules) => {
    expect(() => judgeOf(rules, source)).toThrow(RelayError);
    expect(() => judgeOf(rules, source)).toThrow(/^cannot guard \S+: .*; allow .* instead$/);
  });
});

function binary(value: number, digits: number): string {
  return value.toString(2).padStart(digits, "0");
}

/** The text of 32 or 128 binary digits. */
function addressOf(bits: string): string {
  const size = bits.length === 32 ? 8 : 16;
  const parts = bits.match(new RegExp(`.{${size}}`, "g")) ?? [];
  return size === 8
    ? parts.map((part) => parseInt(part, 2)).join(".")
    : parts.map((part) => parseInt(part, 2).toString(16)).join(":");
}
