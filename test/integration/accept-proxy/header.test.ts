import { describe, expect, test } from "bun:test";
import { Payload } from "../../support/sockets/payload.ts";
import { turn, until } from "../../support/waiting.ts";
import { behindProxies, BINARY, CLIENT, endOf, send, TEXT, turnedAway } from "./behind-proxy.ts";

const start = behindProxies();

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
      await using behind = await start(from, to);
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
    await using behind = await start(from, to);
    using client = await behind.connect();
    const payload = new Payload(3_000_000);
    send(client, Buffer.concat([TEXT, payload.piece(0, 100_000)]));
    const sent = client.pour(payload, 100_000);
    using server = await behind.listener.accept();
    expect(await server.read(payload.length)).toEqual(payload.received());
    await sent;
  });

  test("a header that came with the end of stream", async () => {
    await using behind = await start(from, to);
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
    await using behind = await start(from, to);
    using client = await behind.connect();
    send(client, bytes);
    expect(await endOf(client)).toBe(turnedAway(client));
    expect(behind.refused).toEqual([expect.stringContaining(reason)]);
    expect(behind.listener.tryAccept()).toBeNull();
    expect(behind.relay.connections).toBe(0);
  });

  test("a connection that ends, or is closed, before its header is complete", async () => {
    await using behind = await start(from, to);
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
