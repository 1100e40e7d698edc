import { describe, expect, test } from "bun:test";
import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { version } from "../../../package.json";
import { connectEcho, type EchoClient, startEcho } from "../../support/sockets/echo.ts";
import { turnedAway } from "../../support/process/executable.ts";
import { describeNeeding, program } from "../../support/machine/parts.ts";
import { runProgram } from "../../support/process/program.ts";
import { ask, metricBecomes, metricsOf, startWatched, statusOf } from "./admin.ts";
import { folderForEachTest } from "../../support/temporary-folder.ts";

let folder: string;
folderForEachTest("metrics", (path) => void (folder = path));

const ANY = "127.0.0.1:0";

/** A service that never reads. */
function startStubborn() {
  const listener = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open: (client) => void client.pause(),
      data() {},
    },
  });
  return {
    address: `127.0.0.1:${listener.port}`,
    [Symbol.dispose]: () => listener.stop(true),
  };
}

/** A client that has an answer. */
async function served(address: string): Promise<EchoClient> {
  const client = await connectEcho(address);
  await client.ask("hello");
  return client;
}

/** A client that sends as fast as it is let, and counts what was taken from it. */
async function connectFlood(address: string) {
  const piece = new Uint8Array(65_536);
  let sent = 0;
  const flood = (socket: Bun.Socket<undefined>) => {
    for (;;) {
      const taken = socket.write(piece);
      sent += Math.max(taken, 0);
      if (taken < piece.length) return;
    }
  };
  const [hostname = "", port = ""] = address.split(":");
  const client = await Bun.connect({
    hostname,
    port: Number(port),
    socket: { open: flood, drain: flood, data() {} },
  });
  return { client, sent: () => sent };
}

describe("a metric moves with what it counts:", () => {
  test("a connection, open and over, and its bytes", async () => {
    using server = startEcho();
    await using relay = await startWatched([ANY, server.address]);
    expect(await metricsOf(relay.admin)).toEqual(expect.any(Map));
    const client = await connectEcho(relay.address);
    await client.ask("hello");
    const during = await metricsOf(relay.admin);
    expect(during.get("connections_total")).toBe(1);
    expect(during.get("connections_open")).toBe(1);
    expect(during.get('received_bytes_total{from="client"}')).toBe(5);
    expect(during.get('received_bytes_total{from="destination"}')).toBe(5);
    expect(during.get("connect_duration_seconds_count")).toBe(1);
    expect(during.get("connect_duration_seconds_sum")).toBeWithin(0, 1);
    expect(during.get("connection_duration_seconds_count")).toBe(0);
    client[Symbol.dispose]();
    const after = await metricBecomes(relay.admin, "connections_open", (open) => open === 0);
    expect(after.get("connections_total")).toBe(1);
    expect(after.get('connections_closed_total{ending="finished"}')).toBe(1);
    expect(after.get('received_bytes_total{from="client"}')).toBe(5);
    expect(after.get("connection_duration_seconds_count")).toBe(1);
  });

  test("a destination that is not there", async () => {
    const missing = join(folder, "missing");
    await using relay = await startWatched([join(folder, "source"), missing]);
    expect((await metricsOf(relay.admin)).get("ready")).toBe(1);
    await turnedAway({ unix: relay.address });
    const samples = await metricsOf(relay.admin);
    expect(samples.get('connections_failed_total{reason="ENOENT"}')).toBe(1);
    expect(samples.get('connections_closed_total{ending="unreachable"}')).toBe(1);
    expect(samples.get("connections_total")).toBe(1);
    expect(samples.get("connect_duration_seconds_count")).toBe(0);
    expect(samples.get("ready")).toBe(0);
    const { last_failure: failure } = await statusOf(relay.admin);
    expect(failure).toMatchObject({
      code: "ENOENT",
      message: `cannot reach ${missing}: no such file or directory (ENOENT)`,
    });
  });

  test.each([
    ["a denied address", ["--deny=127.0.0.1/32"], "service", 'refused_total{reason="its address'],
    ["one too many of a client", ["--connections-max-per-client=1"], "service", "per-client"],
    ["a path that loops", [], "loop/service", 'failed_total{reason="ELOOP"}'],
    ["a path through a file", [], "file/service", 'failed_total{reason="ENOTDIR"}'],
  ])("%s counts from 0 on: its first burst adds no series", async (_, options, name, counted) => {
    symlinkSync("loop", join(folder, "loop"));
    writeFileSync(join(folder, "file"), "");
    using _server = startEcho(join(folder, "service"));
    await using relay = await startWatched([...options, ANY, join(folder, name)]);
    const before = await metricsOf(relay.admin);
    const port = Number(relay.address.split(":")[1]);
    const first = options[0]?.endsWith("=1") ? await connectEcho(relay.address) : null;
    await first?.ask("hello");
    await turnedAway({ hostname: "127.0.0.1", port });
    const after = await metricsOf(relay.admin);
    first?.[Symbol.dispose]();
    expect([...after.keys()]).toEqual([...before.keys()]);
    const moved = [...after].filter(([name, value]) => value === (before.get(name) ?? 0) + 1);
    expect(moved.map(([name]) => name).join()).toContain(counted);
  });

  test("a client that may not connect", async () => {
    using server = startEcho();
    await using relay = await startWatched(["--deny=127.0.0.1/32", ANY, server.address]);
    const port = Number(relay.address.split(":")[1]);
    await turnedAway({ hostname: "127.0.0.1", port });
    const samples = await metricsOf(relay.admin);
    expect(samples.get('connections_refused_total{reason="its address is denied"}')).toBe(1);
    expect(samples.get("connections_total")).toBe(0);
  });

  test.each(["client", "destination"] as const)("a reset of the %s", async (side) => {
    const reached = Promise.withResolvers<Bun.Socket<undefined>>();
    const listener = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: { open: reached.resolve, data() {} },
    });
    await using relay = await startWatched([ANY, `127.0.0.1:${listener.port}`]);
    const port = Number(relay.address.split(":")[1]);
    const client = await Bun.connect({ hostname: "127.0.0.1", port, socket: { data() {} } });
    const destination = await reached.promise;
    // A destination that resets sooner was never reached.
    await metricBecomes(relay.admin, "connect_duration_seconds_count", (count) => count === 1);
    (side === "client" ? client : destination).terminate();
    const samples = await metricBecomes(
      relay.admin,
      `connections_closed_total{ending="${side} reset"}`,
      (count) => count === 1,
    );
    expect(samples.get("connections_open")).toBe(0);
    listener.stop(true);
  });

  test("a connection on which nothing moves", async () => {
    using server = startEcho();
    await using relay = await startWatched(["--idle-timeout=50ms", ANY, server.address]);
    const client = await connectEcho(relay.address);
    await client.ask("hello");
    await client.closed;
    await metricBecomes(
      relay.admin,
      'connections_closed_total{ending="idle"}',
      (count) => count === 1,
    );
  });

  test("a destination that does not read", async () => {
    using server = startStubborn();
    await using relay = await startWatched([ANY, server.address]);
    const { client, sent } = await connectFlood(relay.address);
    const samples = await metricBecomes(
      relay.admin,
      'backpressure_pauses_total{from="client"}',
      (pauses) => pauses > 0,
    );
    expect(samples.get('held_bytes{from="client"}')).toBeWithin(1, 1024 * 1024 + 1);
    expect(samples.get('received_bytes_total{from="client"}')).toBeWithin(1, sent() + 1);
    expect(samples.get('backpressure_pauses_total{from="destination"}')).toBe(0);
    const { open, traffic } = await statusOf(relay.admin, "?sort=held");
    expect(open.list).toMatchObject([{ id: 1, state: "open", held_up: traffic.held_up }]);
    expect(traffic).toMatchObject({
      pauses_up: 1,
      held_up: samples.get('held_bytes{from="client"}'),
    });
    client.terminate();
  });

  test.each([1, 3])("the limit of open connections, %i workers", async (workers) => {
    using server = startEcho();
    await using relay = await startWatched([
      ...[`--connections-max=${workers}`, `--workers=${workers}`],
      ...[ANY, server.address],
    ]);
    // Each worker has a place. The relay accepts clients until the last place is taken.
    const others: EchoClient[] = [];
    for (let left = workers; left > 1; left -= 1) others.push(await served(relay.address));
    // A worker reports in one message that a client came and that the worker pauses.
    const before = await metricBecomes(
      relay.admin,
      "connections_total",
      (total) => total === others.length,
    );
    expect(before.get('accepting_paused{reason="connections_max"}')).toBe(0);
    const client = await served(relay.address);
    const samples = await metricBecomes(
      relay.admin,
      'accepting_paused{reason="connections_max"}',
      (paused) => paused > 0,
    );
    expect(samples.get("connections_max")).toBe(workers);
    expect(samples.get("accept_pauses_total")).toBe(1);
    expect(samples.get('accepting_paused{reason="connections_max"}')).toBe(1);
    const paused = { accepting_paused: ["connections_max"] };
    expect(await statusOf(relay.admin)).toMatchObject({
      accept_pauses: 1,
      ...paused,
      relays: [paused],
    });
    client[Symbol.dispose]();
    await metricBecomes(
      relay.admin,
      'accepting_paused{reason="connections_max"}',
      (paused) => paused === 0,
    );
    expect((await statusOf(relay.admin)).accepting_paused).toEqual([]);
    for (const other of others) other[Symbol.dispose]();
  });

  test("the event loop's delay, and time", async () => {
    await using relay = await startWatched([ANY, "127.0.0.1:9"]);
    const samples = await metricBecomes(
      relay.admin,
      "event_loop_delay_seconds_count",
      (count) => count >= 2,
    );
    expect(samples.get(`build_info{version="${version}"}`)).toBe(1);
    expect(samples.get("process_cpu_seconds_total")).toBeGreaterThan(0);
    const { uptime_seconds: uptime } = await statusOf(relay.admin);
    expect(uptime).toBeGreaterThan(0.4);
  });
});

await describeNeeding("Prometheus' own reader", [program("promtool")], () => {
  test("takes what the executable exports", async () => {
    await using relay = await startWatched([join(folder, "source"), join(folder, "missing")]);
    await turnedAway({ unix: relay.address });
    const { text } = await ask(relay.admin, "/metrics");
    const checked = await runProgram(["promtool", "check", "metrics"], {
      env: { PATH: "/usr/bin:/bin" },
      stdin: text,
    });
    expect(checked).toEqual({ code: 0, stdout: "", stderr: "" });
  });
});
