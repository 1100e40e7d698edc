import { describe, expect, test } from "bun:test";
import { Payload } from "../../support/sockets/payload.ts";
import { turn, until } from "../../support/waiting.ts";
import { behindProxies, CLIENT, endOf, send, TEXT } from "./behind-proxy.ts";

const start = behindProxies();

describe("connections that wait for their header", () => {
  test("take places, and are turned away after 3 s, however they trickle", async () => {
    await using behind = await start("TCP", "Unix", { connectionsMax: 2 });
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

  test.each([1, 2])("bring a relay of %i workers to its limit", async (workers) => {
    await using behind = await start("TCP", "Unix", { connectionsMax: 2, workers });
    using _first = await behind.connect();
    using second = await behind.connect();
    await until(() => behind.full.length > 0, "the limit to be reached");
    expect(behind.full).toEqual(["own 2"]);
    await until(() => behind.relay.connections === 2, "both places to be counted");
    second.close();
    // The two figures come from a worker by different ways.
    const isFree = () => behind.waiting === 1 && behind.relay.connections === 1;
    await until(isFree, "a place to be free");
    using _third = await behind.connect();
    await until(() => behind.full.length > 1, "the limit to be reached again");
    expect(behind.full).toEqual(["own 2", "own 2"]);
  });

  test("are served by a relay that stops, if their header comes in time", async () => {
    await using behind = await start("TCP", "Unix");
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
    await using behind = await start("TCP", "Unix");
    using client = await behind.connect();
    await until(() => behind.relay.connections === 1, "the relay to accept");
    await behind.relay.stop({ drainTimeout: 50 });
    expect(await endOf(client)).toBe("ECONNRESET");
    // The time for the header was not up: that would be a refusal.
    expect(behind.refused).toEqual([]);
  });

  test("are reset by a stop that waits for nobody", async () => {
    await using behind = await start("TCP", "Unix");
    using client = await behind.connect();
    await until(() => behind.relay.connections === 1, "the relay to accept");
    await behind.relay.stop({ drainTimeout: 0 });
    expect(await endOf(client)).toBe("ECONNRESET");
    expect(behind.refused).toEqual([]);
  });
});
