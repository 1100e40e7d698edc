import { describe, expect, test } from "bun:test";
import { literal, Payload } from "../../support/sockets/payload.ts";
import { until } from "../../support/waiting.ts";
import { BehindProxy, behindProxies, endOf, LOCAL, send, TEXT } from "./behind-proxy.ts";

const start = behindProxies();

describe("who the client is", () => {
  /** `served`, or why the relay refused a client that sent a header. */
  async function visit(behind: BehindProxy, header: Uint8Array): Promise<string> {
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
      await using behind = await start(kind, "TCP", {
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
    await using behind = await start("TCP", "Unix");
    expect(await visit(behind, LOCAL)).toMatch(/^served 127\.0\.0\.1:\d+$/);
    expect(await visit(behind, Buffer.from("PROXY UNKNOWN\r\n"))).toMatch(/^served 127\.0\.0\.1:/);
  });

  test("counts for the limit per client", async () => {
    await using behind = await start("Unix", "Unix", { connectionsMaxPerClient: 1 });
    using first = await behind.connect();
    send(first, from("192.0.2.1"));
    using _server = await behind.listener.accept();
    behind.opened.splice(0);
    expect(await visit(behind, from("192.0.2.1", 2))).toContain("--connections-max-per-client");
    expect(await visit(behind, from("192.0.2.2"))).toBe("served 192.0.2.2:1");
  });

  test.skipIf(process.getuid?.() !== 0)("that is root does not count as ::1", async () => {
    await using behind = await start("Unix", "Unix", { connectionsMaxPerClient: 1 });
    using first = await behind.connect();
    send(first, Buffer.from("PROXY TCP6 ::1 ::1 1 2\r\n"));
    using _server = await behind.listener.accept();
    behind.opened.splice(0);
    expect(await visit(behind, Buffer.from("PROXY UNKNOWN\r\n"))).toStartWith("served ");
  });

  test("goes into the outgoing header, also with two families", async () => {
    await using behind = await start("Unix", "TCP", { proxyProtocol: "v1" });
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
    await using behind = await start("TCP", "TCP", { acceptProxyFrom: ["10.0.0.0/8"] });
    using client = await behind.connect();
    expect(await endOf(client)).toBe("ECONNRESET");
    expect(behind.refused).toEqual([expect.stringContaining("--accept-proxy-from")]);
  });

  test("that closes while its peer still sends has ended, and has not failed", async () => {
    await using behind = await start("TCP", "TCP");
    const payload = new Payload(1_000);
    const client = await behind.connect();
    send(client, TEXT);
    using server = await behind.listener.accept();
    await until(() => behind.opened.length === 1, "the header");
    // All in one turn, so that the relay's write to the client meets the client's reset first.
    server.sendAtOnce(new Payload(1024 * 1024));
    client.sendAtOnce(payload);
    client.close();
    expect(await server.readToEnd()).toEqual({ ...payload.received(), ending: "end" });
  });

  test("is known of connections over three threads", async () => {
    await using behind = await start("TCP", "Unix", { workers: 3 });
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
