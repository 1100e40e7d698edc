import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createRelay,
  type Relay,
  type RelayOptions,
  type SocketEndpoint,
} from "../../src/index.ts";
import { literal, Payload } from "../support/sockets/payload.ts";
import { RawListener, RawSocket } from "../support/sockets/raw-socket.ts";
import { turn, until } from "../support/waiting.ts";

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "accept-proxy-"))));
afterAll(() => rmSync(folder, { recursive: true }));

let names = 0;
const ADDRESSES = {
  TCP: () => "127.0.0.1:0",
  Unix: () => join(folder, `socket-${(names += 1)}`),
};

const endpointOf = (address: string): SocketEndpoint =>
  address.startsWith("/")
    ? { kind: "unix", path: address }
    : { kind: "tcp", host: "127.0.0.1", port: 0 };

const TEXT = Buffer.from("PROXY TCP4 192.0.2.1 192.0.2.11 56324 443\r\n");
const SIGNATURE = "0d0a0d0a000d0a515549540a";
// With a TLV of the type NOOP.
const BINARY = Buffer.from(`${SIGNATURE}21110011c0000201c000020bdc0401bb0400020000`, "hex");
const LOCAL = Buffer.from(`${SIGNATURE}20000000`, "hex");
const CLIENT = "192.0.2.1:56324";

/** A relay behind a proxy, with a destination of the test's own, and what the relay has told. */
class Behind implements AsyncDisposable {
  readonly opened: string[] = [];
  readonly refused: string[] = [];
  readonly faults: unknown[] = [];
  /** The number of proxies that the relay waits for, by its observer. */
  waiting = 0;

  private constructor(
    readonly listener: RawListener,
    private starting: Relay | null = null,
  ) {}

  static async start(
    from: keyof typeof ADDRESSES,
    to: keyof typeof ADDRESSES,
    options: Partial<RelayOptions> = {},
  ): Promise<Behind> {
    const listener = new RawListener(endpointOf(ADDRESSES[to]()));
    const behind = new Behind(listener);
    behind.starting = await createRelay({
      source: ADDRESSES[from](),
      destination: listener.endpoint,
      acceptProxy: true,
      ...(from === "TCP" && { acceptProxyFrom: ["127.0.0.0/8"] }),
      ...options,
      observer: {
        opened: ({ clientAddress }) => void behind.opened.push(clientAddress),
        waitingForHeader: (change) => void (behind.waiting += change),
        refused: (_, reason) => void behind.refused.push(reason),
        fault: (error) => void behind.faults.push(error),
      },
    });
    return behind;
  }

  get relay(): Relay {
    if (this.starting === null) throw new Error("the relay has not started");
    return this.starting;
  }

  connect(): Promise<RawSocket> {
    return RawSocket.connect(this.relay.endpoint);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.relay[Symbol.asyncDispose]();
    this.listener.close();
    expect(this.faults).toEqual([]);
  }
}

function send(client: RawSocket, bytes: Uint8Array): void {
  if (bytes.length > 0) expect(client.trySend(bytes)).toBe(bytes.length);
}

/** How the relay turns a client away. */
const turnedAway = (client: RawSocket) => (client.isTcp ? "ECONNRESET" : "end");

/** The end that a client reads; one that has sent what nobody read is reset at a Unix socket, too. */
async function endOf(client: RawSocket): Promise<string> {
  const { length, ending } = await client.readToEnd();
  expect(length).toBe(0);
  return ending;
}

describe.each([
  ["TCP", "Unix"],
  ["Unix", "TCP"],
  ["TCP", "TCP"],
  ["Unix", "Unix"],
] as const)("%s to %s", (from, to) => {
  test.each([
    ["v1", TEXT],
    ["v2", BINARY],
  ])(
    "a header of %s is read wherever it is cut, and no byte behind it is lost",
    async (_, header) => {
      await using behind = await Behind.start(from, to);
      const payload = new Payload(100);
      const all = Buffer.concat([header, payload.bytes]);
      for (let cut = 1; cut < header.length + 2; cut += 1) {
        using client = await behind.connect();
        send(client, all.subarray(0, cut));
        // The relay shares this thread: by then it has read the first piece.
        for (let turns = 0; turns < 4; turns += 1) await turn();
        if (cut < header.length) expect(behind.listener.tryAccept()).toBeNull();
        send(client, all.subarray(cut));
        using server = await behind.listener.accept();
        expect(await server.read(payload.length)).toEqual(payload.received());
        send(server, payload.bytes);
        expect(await client.read(payload.length)).toEqual(payload.received());
        client.halfClose();
        expect(await server.readToEnd()).toMatchObject({ length: 0, ending: "end" });
        server.halfClose();
        expect(await client.readToEnd()).toMatchObject({ length: 0, ending: "end" });
      }
      expect(new Set(behind.opened)).toEqual(new Set([CLIENT]));
      expect(behind.refused).toEqual([]);
    },
  );

  test("a megabyte comes whole behind a header, byte for byte", async () => {
    await using behind = await Behind.start(from, to);
    using client = await behind.connect();
    const payload = new Payload(3_000_000);
    send(client, Buffer.concat([TEXT, payload.piece(0, 100_000)]));
    const sent = client.pour(payload, 100_000);
    using server = await behind.listener.accept();
    expect(await server.read(payload.length)).toEqual(payload.received());
    await sent;
  });

  test("a header that came with the end of stream", async () => {
    await using behind = await Behind.start(from, to);
    using client = await behind.connect();
    send(client, Buffer.concat([BINARY, new Payload(10).bytes]));
    client.halfClose();
    using server = await behind.listener.accept();
    expect(await server.readToEnd()).toEqual({ ...new Payload(10).received(), ending: "end" });
    send(server, new Payload(20).bytes);
    server.close();
    expect(await client.readToEnd()).toEqual({ ...new Payload(20).received(), ending: "end" });
  });

  test.each([
    ["no header", Buffer.from("GET / HTTP/1.1\r\n\r\n"), "it sent no PROXY header"],
    [
      "a wrong header",
      Buffer.from("PROXY TCP4 1.2.3.4\r\n"),
      "its PROXY header (v1) does not have 6 words",
    ],
    [
      "a header too long",
      Buffer.alloc(200, "PROXY UNKNOWN "),
      "its PROXY header (v1) is longer than 107 bytes",
    ],
  ])("a connection with %s is turned away and reaches nobody", async (_, bytes, reason) => {
    await using behind = await Behind.start(from, to);
    using client = await behind.connect();
    send(client, bytes);
    expect(await endOf(client)).toBe(turnedAway(client));
    expect(behind.refused).toEqual([expect.stringContaining(reason)]);
    expect(behind.listener.tryAccept()).toBeNull();
    expect(behind.relay.connections).toBe(0);
  });

  test("a connection that ends, or is closed, before its header is complete", async () => {
    await using behind = await Behind.start(from, to);
    using ended = await behind.connect();
    send(ended, TEXT.subarray(0, 10));
    ended.halfClose();
    expect(await endOf(ended)).toBe(turnedAway(ended));
    const closed = await behind.connect();
    await until(() => behind.relay.connections === 1, "the relay to accept");
    closed.close();
    await until(() => behind.refused.length === 2, "both to be refused");
    expect(new Set(behind.refused)).toEqual(
      new Set(["it left before its PROXY header was complete"]),
    );
    expect(behind.listener.tryAccept()).toBeNull();
    expect(behind.relay.connections).toBe(0);
  });
});

describe("connections that wait for their header", () => {
  test("take places, and are turned away after 3 s, however they trickle", async () => {
    await using behind = await Behind.start("TCP", "Unix", { connectionsMax: 2 });
    const begin = performance.now();
    using silent = await behind.connect();
    using slow = await behind.connect();
    let at = 0;
    // A send that meets the reset takes it from the socket: the next read is then an end.
    let met: number | string = 0;
    const trickle = setInterval(() => {
      if (typeof met === "number") met = slow.trySend(TEXT.subarray(at, (at += 1)));
    }, 200);
    await until(() => behind.relay.connections === 2, "both to be accepted");
    expect([behind.waiting, behind.opened]).toEqual([2, []]);
    using third = await behind.connect();
    send(third, TEXT);
    expect(await endOf(silent)).toBe("ECONNRESET");
    const ending = await endOf(slow);
    clearInterval(trickle);
    expect(typeof met === "string" ? met : ending).toBe("ECONNRESET");
    // A timer may be a little early; nobody was served before a place was free.
    expect(performance.now() - begin).toBeGreaterThan(2_900);
    using _server = await behind.listener.accept();
    expect(behind.opened).toEqual([CLIENT]);
    expect(behind.refused).toEqual(Array(2).fill("its PROXY header was not complete within 3s"));
    expect(behind.waiting).toBe(0);
  });

  test("are served by a relay that stops, if their header comes in time", async () => {
    await using behind = await Behind.start("TCP", "Unix");
    using client = await behind.connect();
    await until(() => behind.relay.connections === 1, "the relay to accept");
    const stopped = behind.relay.stop();
    await turn();
    send(client, Buffer.concat([TEXT, new Payload(10).bytes]));
    using server = await behind.listener.accept();
    expect(await server.read(10)).toEqual(new Payload(10).received());
    client.close();
    server.close();
    await stopped;
    expect(behind.relay.connections).toBe(0);
  });

  test("are reset when a stop has waited for as long as it may", async () => {
    await using behind = await Behind.start("TCP", "Unix");
    using client = await behind.connect();
    await until(() => behind.relay.connections === 1, "the relay to accept");
    await behind.relay.stop({ drainTimeout: 50 });
    expect(await endOf(client)).toBe("ECONNRESET");
    // The time for the header was not up: that would be a refusal.
    expect(behind.refused).toEqual([]);
  });

  test("are reset by a stop that waits for nobody", async () => {
    await using behind = await Behind.start("TCP", "Unix");
    using client = await behind.connect();
    await until(() => behind.relay.connections === 1, "the relay to accept");
    await behind.relay.stop({ drainTimeout: 0 });
    expect(await endOf(client)).toBe("ECONNRESET");
    expect(behind.refused).toEqual([]);
  });
});

describe("who the client is", () => {
  /** `served`, or why the relay refused a client that sent a header. */
  async function visit(behind: Behind, header: Uint8Array): Promise<string> {
    const before = behind.refused.length;
    using client = await behind.connect();
    send(client, header);
    await until(
      () => behind.refused.length > before || behind.opened.length > 0,
      "an answer to the header",
    );
    const opened = behind.opened.splice(0);
    if (opened.length === 0) return behind.refused.at(-1) ?? "";
    using _server = await behind.listener.accept();
    return `served ${opened[0]}`;
  }
  const from = (address: string, port = 1) =>
    Buffer.from(`PROXY TCP4 ${address} 192.0.2.11 ${port} 443\r\n`);

  test.each(["TCP", "Unix"] as const)(
    "decides by the access rules at a %s source",
    async (kind) => {
      await using behind = await Behind.start(kind, "TCP", {
        allow: ["192.0.2.0/24"],
        deny: ["192.0.2.7"],
      });
      expect(await visit(behind, from("192.0.2.1"))).toBe("served 192.0.2.1:1");
      expect(await visit(behind, from("192.0.2.7"))).toBe("its address is denied");
      expect(await visit(behind, from("198.51.100.1"))).toBe("its address is not allowed");
      // The proxy itself is the client, and is not in the list.
      const reason = (says: string) =>
        kind === "TCP"
          ? "its address is not allowed"
          : `its PROXY header says ${says}, so that --allow and --deny find no address`;
      expect(await visit(behind, LOCAL)).toBe(reason("LOCAL"));
      expect(await visit(behind, Buffer.from("PROXY UNKNOWN\r\n"))).toBe(reason("UNKNOWN"));
      const mapped = Buffer.from("PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n");
      expect(await visit(behind, mapped)).toBe("its address is denied");
    },
  );

  test("is the proxy itself if the header has no address", async () => {
    await using behind = await Behind.start("TCP", "Unix");
    expect(await visit(behind, LOCAL)).toMatch(/^served 127\.0\.0\.1:\d+$/);
    expect(await visit(behind, Buffer.from("PROXY UNKNOWN\r\n"))).toMatch(/^served 127\.0\.0\.1:/);
  });

  test("counts for the limit per client", async () => {
    await using behind = await Behind.start("Unix", "Unix", { connectionsMaxPerClient: 1 });
    using first = await behind.connect();
    send(first, from("192.0.2.1"));
    using _server = await behind.listener.accept();
    behind.opened.splice(0);
    expect(await visit(behind, from("192.0.2.1", 2))).toContain("--connections-max-per-client");
    expect(await visit(behind, from("192.0.2.2"))).toBe("served 192.0.2.2:1");
  });

  test("goes into the outgoing header, also with two families", async () => {
    await using behind = await Behind.start("Unix", "TCP", { proxyProtocol: "v1" });
    const pairs = [
      [TEXT, TEXT.toString()],
      [
        Buffer.from("PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n"),
        "PROXY TCP6 ::ffff:c000:207 ::1 1 2\r\n",
      ],
      [LOCAL, "PROXY UNKNOWN\r\n"],
    ] as const;
    for (const [header, outgoing] of pairs) {
      using client = await behind.connect();
      send(client, header);
      using server = await behind.listener.accept();
      const line = Buffer.from(outgoing);
      expect(await server.read(line.length)).toEqual(await receivedOf(line));
    }
  });

  test("only a proxy in the list may tell", async () => {
    await using behind = await Behind.start("TCP", "TCP", { acceptProxyFrom: ["10.0.0.0/8"] });
    using client = await behind.connect();
    expect(await endOf(client)).toBe("ECONNRESET");
    expect(behind.refused).toEqual([expect.stringContaining("--accept-proxy-from")]);
  });

  test("is known of connections over three threads", async () => {
    await using behind = await Behind.start("TCP", "Unix", { workers: 3 });
    for (let port = 1; port <= 12; port += 1) {
      using client = await behind.connect();
      send(client, Buffer.concat([from("192.0.2.1", port), new Payload(10).bytes]));
      using server = await behind.listener.accept();
      expect(await server.read(10)).toEqual(new Payload(10).received());
    }
    using wrong = await behind.connect();
    send(wrong, Buffer.from("GET /\r\n"));
    expect(await endOf(wrong)).toBe("ECONNRESET");
    using silent = await behind.connect();
    await until(() => behind.waiting === 1, "the wait for a header to be told");
    silent.close();
    await until(() => behind.waiting === 0, "the end of this wait to be told");
    await until(() => behind.refused.length === 2, "the refusals to be told");
    await until(() => behind.opened.length === 12, "all to be told of");
    // Each thread tells of its own.
    expect(behind.opened.toSorted()).toEqual(
      Array.from({ length: 12 }, (_, index) => `192.0.2.1:${index + 1}`).toSorted(),
    );
  });
});

async function receivedOf(bytes: Uint8Array) {
  const hash = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
  return { length: literal(bytes).length, sha256: hash };
}
