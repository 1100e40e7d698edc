import { expect, test } from "bun:test";
import { createRelay } from "../../src/index.ts";
import { Observation, observe, serveAdmin, serveMetrics } from "../../src/observe.ts";
import { connectEcho, startEcho } from "../support/sockets/echo.ts";
import { printAddress } from "../../src/index.ts";

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
  expect(() => serveAdmin("0.0.0.0:0", { observation })).toThrow("is not loopback");
});
