import { expect, test } from "bun:test";
import { createRelay } from "../../src/index.ts";
import { Observation, observe, serveAdmin, serveMetrics } from "../../src/observe.ts";
import { connectEcho, startEcho } from "../support/sockets/echo.ts";
import { printAddress, type SocketEndpoint } from "../../src/index.ts";
import {
  connectionsCarried,
  connectionsMaxDefault,
} from "../../src/relay/listen/descriptor-budget.ts";
import { readExposition } from "../support/exposition.ts";

test("a program sees what its relays do, and lets others see it", async () => {
  using server = startEcho();
  using observation = new Observation();
  const [source, destination] = ["127.0.0.1:0", server.address];
  const observer = observe(observation, { name: "web", source, destination });
  await using relay = await createRelay({ source, destination, observer });
  using metrics = await serveMetrics("127.0.0.1:0", { observation });
  using admin = await serveAdmin("127.0.0.1:0", { observation });
  using client = await connectEcho(printAddress(relay.endpoint));
  await client.ask("hello");

  const get = (endpoint: typeof admin.endpoint, path: string) =>
    fetch(`http://${printAddress(endpoint)}${path}`);
  const exposed = await (await get(metrics.endpoint, "/metrics")).text();
  expect(exposed).toContain('simpletcpunixrelay_connections_total{relay="web"} 1\n');
  expect((await get(metrics.endpoint, "/status")).status).toBe(404);
  expect(await (await get(admin.endpoint, "/status")).json()).toMatchObject({
    relay: "web",
    connections: { open: 1 },
  });
  expect(await observation.metrics.registry.metrics()).toContain('relay="web"');
});

test("the admin server is not opened where other machines reach it", async () => {
  using observation = new Observation();
  const tcp = (host: string) => ({ kind: "tcp", host, port: 0 }) as const;
  for (const address of ["0.0.0.0:0", tcp("0.0.0.0"), tcp("::"), tcp(""), tcp("192.0.2.1")])
    expect(() => serveAdmin(address, { observation })).toThrow("is not loopback");
  using named = await serveAdmin(tcp("localhost"), { observation });
  expect(named.endpoint).toMatchObject({ host: "127.0.0.1" });
});

test("an inherited socket is no address of a server, also for a program without types", () => {
  using observation = new Observation();
  const inherited: SocketEndpoint = JSON.parse('{ "kind": "fd", "fd": 3 }');
  for (const serve of [serveAdmin, serveMetrics])
    expect(() => serve(inherited, { observation })).toThrow('"fd:3" is inherited');
});

const OF_FILES = connectionsCarried();

const CASES: [number | undefined, string, number][] = [
  [undefined, "open_files", connectionsMaxDefault()],
  [5, "connections_max", 5],
];
if (Number.isFinite(OF_FILES)) CASES.push([OF_FILES + 1, "open_files", OF_FILES]);

test.each(CASES)(
  "where connectionsMax is %p, the figures say what limits: %s",
  async (asked, reason, max) => {
    using observation = new Observation();
    const observer = observe(observation, {
      ...{ name: "web", source: "127.0.0.1:0", destination: "127.0.0.1:9" },
      ...(asked !== undefined && { connectionsMax: asked }),
    });
    observer.acceptingPaused("own", 1);
    const samples = readExposition(await observation.metrics.expose());
    const paused = (word: string) =>
      samples.get(`simpletcpunixrelay_accepting_paused{relay="web",reason="${word}"}`);
    expect(samples.get('simpletcpunixrelay_connections_max{relay="web"}')).toBe(max);
    expect(["connections_max", "open_files"].filter((word) => paused(word) === 1)).toEqual([
      reason,
    ]);
  },
);
