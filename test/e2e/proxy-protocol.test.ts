import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { parseAddress, printAddress, type SocketEndpoint } from "../../src/index.ts";
import { runRelay, startRelay, type RunningRelay } from "../support/process/executable.ts";
import { describeNeeding, program, root } from "../support/machine/parts.ts";
import { Payload } from "../support/sockets/payload.ts";
import { RawListener, RawSocket } from "../support/sockets/raw-socket.ts";
import { portIn } from "../support/sockets/socket-name.ts";
import { system } from "../support/process/system-calls.ts";
import { connectFrom, ipv6Loopback, userNamespaces } from "../support/sockets/visitor.ts";
import { folderForTests } from "../support/temporary-folder.ts";

const V2_SIGNATURE = "0d0a0d0a000d0a515549540a";

const folder = folderForTests("proxy");

let names = 0;
function freshPath(): string {
  names += 1;
  return join(folder, `socket-${names}`);
}

const portOf = (address: string) => Number(address.split(":").at(-1));
const ownPort = (socket: RawSocket) => portIn(system.ownName(socket.fd));
const dial = (address: string) => RawSocket.connect(parseAddress(address, "destination"));

const DESTINATIONS = {
  Unix: () => ({ kind: "unix", path: freshPath() }),
  TCP: () => ({ kind: "tcp", host: "127.0.0.1", port: 0 }),
} as const satisfies Record<string, () => SocketEndpoint>;

/** A relay to a listener of this test's own. */
async function relayTo(
  listener: RawListener,
  options: readonly string[],
  source: string,
): Promise<RunningRelay> {
  return startRelay([...options, source, printAddress(listener.endpoint)]);
}

/** What one read brings: the header must be all there is, whatever the client does later. */
async function firstRead(socket: RawSocket): Promise<Buffer> {
  const received = await socket.receive();
  if (typeof received === "string") throw new Error(`${received} instead of a header`);
  return Buffer.from(received);
}

function portsIn(...ports: number[]): string {
  return ports.map((port) => port.toString(16).padStart(4, "0")).join("");
}

/** The AF_UNIX header of a client at a source's path, up to its TLV. */
function unixHeader(path: string, tlvs: string): string {
  const name = Buffer.from(path).toString("hex").padEnd(216, "0");
  const length = (216 + tlvs.length / 2).toString(16).padStart(4, "0");
  return `${V2_SIGNATURE}2131${length}${"0".repeat(216)}${name}${tlvs}`;
}

function credentialTlv(uid: number, pid: number): string {
  const word = (value: number) => value.toString(16).padStart(8, "0");
  return `e00008${word(uid)}${word(pid)}`;
}

describe.each(["Unix", "TCP"] as const)("a destination over %s", (to) => {
  type Row = readonly [source: string, from: string, host: string, line: string, addresses: string];
  const rows: Row[] = [
    ["127.0.0.1:0", "127.0.0.5", "127.0.0.1", "TCP4", "2111000c7f0000057f000001"],
    // Every address of loopback is one to connect to.
    ["0.0.0.0:0", "127.0.0.5", "127.9.9.9", "TCP4", "2111000c7f0000057f090909"],
  ];
  const rowsOfIpv6: Row[] = [
    ["[::1]:0", "::1", "::1", "TCP6", `21210024${"0".repeat(31)}1${"0".repeat(31)}1`],
    ["[::]:0", "::1", "::1", "TCP6", `21210024${"0".repeat(31)}1${"0".repeat(31)}1`],
    // IPv4-mapped on both ends.
    ["[::]:0", "127.0.0.5", "127.0.0.1", "TCP4", "2111000c7f0000057f000001"],
  ];

  // The runner's types have a callback after the row.
  async function hearsOf(version: string, row: readonly [...Row, ...unknown[]]) {
    const [source, from, host, family, binary] = row;
    using listener = new RawListener(DESTINATIONS[to]());
    await using relay = await relayTo(listener, [`--proxy-protocol=${version}`], source);
    using client = await connectFrom(from, relay.address, host);
    using server = await listener.accept();
    const ports = [ownPort(client), portOf(relay.address)];
    // The client has not said anything, and the destination is to speak first.
    const header = await firstRead(server);
    if (version === "v1")
      expect(header.toString()).toBe(`PROXY ${family} ${from} ${host} ${ports.join(" ")}\r\n`);
    else expect(header.toString("hex")).toBe(V2_SIGNATURE + binary + portsIn(...ports));
    const payload = new Payload(100);
    server.sendAtOnce(payload);
    expect(await client.read(100)).toEqual(payload.received());
    client.sendAtOnce(payload);
    expect(await server.read(100)).toEqual(payload.received());
    client.halfClose();
    server.halfClose();
    expect(await server.readToEnd()).toMatchObject({ length: 0, ending: "end" });
    expect(await client.readToEnd()).toMatchObject({ length: 0, ending: "end" });
  }

  describe.each(["v1", "v2"])("hears by %s, before anybody says a word, of a client", (version) => {
    test.each(rows)("at %s from %s to %s", (...row) => hearsOf(version, row));

    test.skipIf(!ipv6Loopback.present()).each(rowsOfIpv6)("at %s from %s to %s", (...row) =>
      hearsOf(version, row),
    );

    test("that said and ended everything before it was reached", async () => {
      const path = freshPath();
      const options = [`--proxy-protocol=${version}`, "--connect-retry=1min"];
      await using relay = await startRelay([...options, "127.0.0.1:0", path]);
      using client = await dial(relay.address);
      const payload = new Payload(200_000);
      await client.send(payload);
      client.halfClose();
      using listener = new RawListener({ kind: "unix", path });
      using server = await listener.accept();
      const length = version === "v1" ? headerLine(client, relay).length : 28;
      const header = Buffer.from(await whole(server, length));
      if (version === "v1") expect(header.toString()).toBe(headerLine(client, relay));
      else expect(header.toString("hex")).toStartWith(`${V2_SIGNATURE}2111000c`);
      expect(await server.readToEnd()).toEqual({ ...payload.received(), ending: "end" });
    });

    test("that only ended", async () => {
      using listener = new RawListener(DESTINATIONS[to]());
      await using relay = await relayTo(listener, [`--proxy-protocol=${version}`], "127.0.0.1:0");
      using client = await dial(relay.address);
      client.halfClose();
      using server = await listener.accept();
      const { length, ending } = await server.readToEnd();
      expect(ending).toBe("end");
      expect(length).toBe(version === "v1" ? headerLine(client, relay).length : 28);
      server.sendAtOnce(new Payload(1_000));
      server.close();
      expect(await client.readToEnd()).toEqual({ ...new Payload(1_000).received(), ending: "end" });
    });
  });

  test("hears nothing where nothing is asked", async () => {
    using listener = new RawListener(DESTINATIONS[to]());
    await using relay = await relayTo(listener, [], "127.0.0.1:0");
    using client = await dial(relay.address);
    client.sendAtOnce(new Payload(10));
    using server = await listener.accept();
    expect(await server.read(10)).toEqual(new Payload(10).received());
  });

  test("is told by v1 that a Unix client is unknown", async () => {
    using listener = new RawListener(DESTINATIONS[to]());
    await using relay = await relayTo(listener, ["--proxy-protocol=v1"], freshPath());
    using _client = await dial(relay.address);
    using server = await listener.accept();
    expect((await firstRead(server)).toString()).toBe("PROXY UNKNOWN\r\n");
  });

  test.each(["a path", "an abstract name"])(
    "is told by v2 whose process a Unix client at %s is",
    async (what) => {
      const path = freshPath();
      using listener = new RawListener(DESTINATIONS[to]());
      const source = what === "a path" ? path : `@${path}`;
      await using relay = await relayTo(listener, ["--proxy-protocol=v2"], source);
      using _client = await dial(relay.address);
      using server = await listener.accept();
      const uid = process.getuid?.() ?? -1;
      const name = what === "a path" ? path : `\0${path}`;
      expect((await firstRead(server)).toString("hex")).toBe(
        unixHeader(name, credentialTlv(uid, process.pid)),
      );
    },
  );
});

/** Reads exactly so many bytes, which may take several reads. */
async function whole(socket: RawSocket, length: number): Promise<Uint8Array> {
  const received = await socket.receive(length);
  if (typeof received === "string") throw new Error(`${received} instead of a header`);
  expect(received.length).toBe(length);
  return received;
}

/** The line of v1 for a client of a source on 127.0.0.1. */
function headerLine(client: RawSocket, relay: RunningRelay): string {
  return `PROXY TCP4 127.0.0.1 127.0.0.1 ${ownPort(client)} ${portOf(relay.address)}\r\n`;
}

test("500 clients at once, each told of before its own bytes", async () => {
  const clients = 500;
  using listener = new RawListener({ kind: "unix", path: freshPath() });
  await using relay = await relayTo(listener, ["--proxy-protocol=v1"], "127.0.0.1:0");
  const payload = new Payload(500);
  const lines = new Set<string>();
  const asking = Array.from({ length: clients }, async () => {
    using client = await dial(relay.address);
    lines.add(headerLine(client, relay));
    await client.send(payload);
    client.halfClose();
    return (await client.readToEnd(60_000)).ending;
  });
  const heard = new Set<string>();
  for (let served = 0; served < clients; served += 1) {
    using server = await listener.accept(60_000);
    const line = Buffer.from(await lineOf(server)).toString();
    heard.add(line);
    expect(await server.readToEnd()).toEqual({ ...payload.received(), ending: "end" });
  }
  expect(new Set(await Promise.all(asking))).toEqual(new Set(["end"]));
  expect(heard).toEqual(lines);
});

/** Reads up to the end of a line. */
async function lineOf(socket: RawSocket): Promise<number[]> {
  const line: number[] = [];
  while (line.at(-1) !== 0x0a) line.push(...(await whole(socket, 1)));
  return line;
}

describe("without FFI", () => {
  const env = { BUN_JSC_useJIT: "0" };

  test("a TCP client is told of", async () => {
    using listener = new RawListener({ kind: "unix", path: freshPath() });
    const args = ["--proxy-protocol=v1", "127.0.0.1:0", printAddress(listener.endpoint)];
    await using relay = await startRelay(args, { env });
    using client = await dial(relay.address);
    using server = await listener.accept();
    expect((await firstRead(server)).toString()).toBe(headerLine(client, relay));
  });

  test("a Unix client is told of, but not its user", async () => {
    const path = freshPath();
    using listener = new RawListener({ kind: "tcp", host: "127.0.0.1", port: 0 });
    const args = ["--proxy-protocol=v2", path, printAddress(listener.endpoint)];
    await using relay = await startRelay(args, { env });
    using _client = await dial(relay.address);
    using server = await listener.accept();
    expect((await firstRead(server)).toString("hex")).toBe(unixHeader(path, ""));
  });
});

/** A client of another user's at an abstract source, until it is turned away. */
function connectAs(uid: number, source: string) {
  return Bun.spawn(
    [
      ...["setpriv", `--reuid=${uid}`, "--regid=1", "--clear-groups", "--"],
      ...["socat", "-u", `ABSTRACT-CONNECT:${source.slice(1)}`, "-"],
    ],
    { stdin: "ignore", stdout: "ignore", stderr: "inherit" },
  );
}

await describeNeeding("another user's client", [root, program("setpriv"), program("socat")], () => {
  test("is told by v2 with its user and process", async () => {
    const path = `@${freshPath()}`;
    using listener = new RawListener({ kind: "tcp", host: "127.0.0.1", port: 0 });
    await using _relay = await relayTo(listener, ["--proxy-protocol=v2"], path);
    await using client = connectAs(61_001, path);
    using server = await listener.accept();
    expect((await firstRead(server)).toString("hex")).toBe(
      unixHeader(`\0${path.slice(1)}`, credentialTlv(61_001, client.pid)),
    );
    server.close();
    expect(await client.exited).toBe(0);
  });
});

const namespaceNeeds = [root, program("setpriv"), program("socat"), userNamespaces];

await describeNeeding("in a user namespace that maps root alone", namespaceNeeds, () => {
  const prefix = ["unshare", "--user", "--map-root-user", "--"];

  test.each([
    [0, "is told of"],
    [61_001, "is not taken for the user that stands for all others"],
  ])("a client of user %i %s", async (uid) => {
    const path = `@${freshPath()}`;
    using listener = new RawListener({ kind: "tcp", host: "127.0.0.1", port: 0 });
    const args = ["--proxy-protocol=v2", path, printAddress(listener.endpoint)];
    await using _relay = await startRelay(args, { prefix });
    await using client = connectAs(uid, path);
    using server = await listener.accept();
    const tlv = uid === 0 ? credentialTlv(0, client.pid) : "";
    expect((await firstRead(server)).toString("hex")).toBe(unixHeader(`\0${path.slice(1)}`, tlv));
  });
});

describe("what is no version", () => {
  test.each(["v3", "V1", "1", "v1,v2", "off"])("%s: status 64", async (version) => {
    const { code, stderr } = await runRelay([`--proxy-protocol=${version}`, ":0", ":1"]);
    expect(stderr).toContain(`--proxy-protocol: "${version}" is not one of v1, v2`);
    expect(code).toBe(64);
  });
});
