import { beforeEach, expect, test } from "bun:test";
import { PrometheusMetrics } from "../../../../src/observe/figures/prometheus-metrics.ts";
import { RelayStatistics } from "../../../../src/observe/figures/relay-statistics.ts";
import { ENDINGS } from "../../../../src/relay/observer.ts";
import { combineObservers } from "../../../../src/relay/combine-observers.ts";
import type { Observer } from "../../../../src/relay/observer.ts";
import { version } from "../../../../package.json";
import { readExposition, readTypes } from "../../../support/exposition.ts";
import { describeNeeding, program } from "../../../support/machine/parts.ts";
import { runProgram } from "../../../support/process/program.ts";
import { fakeConnection } from "../fake-connection.ts";

let metrics: PrometheusMetrics;
let relay: Observer;

beforeEach(() => {
  const statistics = new RelayStatistics();
  const figures = { name: "web", source: "/run/in", destination: ":80", connectionsMax: 7 };
  metrics = new PrometheusMetrics({
    relays: [{ ...figures, statistics }],
    process: {
      logLinesLost: () => 3,
      connectionsMax: 50,
      earlierConnections: () => 4,
      memoryMax: 1e9,
      heldBytes: () => 5,
      workers: () => 2,
    },
  });
  relay = combineObservers([statistics.observer, metrics.observerOf("web")]);
});

/** The name of a sample of the relay, with its labels. */
function ofRelay(name: string): string {
  const [, metric = "", labels = ""] = /^(\w+)(?:\{(.*)\})?$/.exec(name) ?? [];
  return `${own}${metric}{relay="web"${labels && `,${labels}`}}`;
}

/** Lets everything happen that a metric counts. */
function live(): void {
  relay.listening({ kind: "unix", path: "/run/in" });
  const openedAt = performance.now() - 2_000;
  const connection = fakeConnection({ openedAt, connectedAt: openedAt + 600 });
  relay.opened(connection);
  relay.connected(connection);
  Object.assign(connection, { bytesUp: 5, bytesDown: 6, pausesUp: 1, pausesDown: 2 });
  relay.closed(connection, "client reset");
  const open = fakeConnection({ bytesUp: 10, heldUp: 4 });
  relay.opened(open);
  const failed = fakeConnection();
  relay.opened(failed);
  relay.unreachable(failed, { code: "ENOENT", message: "" });
  relay.closed(failed, "unreachable");
  relay.refused("", 'with "quotes" and \\');
  relay.full(7, "own");
  relay.acceptingPaused("own", 1);
  relay.acceptingPaused("memory", 1);
  relay.acceptingPaused("memory", 1);
  relay.acceptingPaused("own", -1);
  relay.fault(new Error("a bug"));
  metrics.late(0.02);
}

const own = "simpletcpunixrelay_";

test("each metric has what happened", async () => {
  live();
  const samples = readExposition(await metrics.expose());
  const values = (names: readonly string[], full: (name: string) => string) =>
    Object.fromEntries(names.map((name) => [name, samples.get(full(name))]));
  const expected = {
    'info{source="/run/in",destination=":80"}': 1,
    ready: 0,
    connections_open: 1,
    connections_max: 7,
    connections_total: 3,
    'connections_refused_total{reason="with \\"quotes\\" and \\\\"}': 1,
    'connections_refused_total{reason="its address is denied"}': 0,
    'connections_failed_total{reason="ENOENT"}': 1,
    'connections_failed_total{reason="ECONNREFUSED"}': 0,
    'connections_closed_total{ending="client reset"}': 1,
    'connections_closed_total{ending="unreachable"}': 1,
    'connections_closed_total{ending="finished"}': 0,
    'received_bytes_total{from="client"}': 15,
    'received_bytes_total{from="destination"}': 6,
    'held_bytes{from="client"}': 4,
    'held_bytes{from="destination"}': 0,
    'backpressure_pauses_total{from="client"}': 1,
    'backpressure_pauses_total{from="destination"}': 2,
    accept_pauses_total: 1,
    'accepting_paused{reason="connections_max"}': 0,
    'accepting_paused{reason="process_connections_max"}': 0,
    'accepting_paused{reason="memory_max"}': 1,
    'accepting_paused{reason="open_files"}': 0,
    faults_total: 1,
    connect_duration_seconds_count: 1,
    connection_duration_seconds_count: 2,
  };
  expect(values(Object.keys(expected), ofRelay)).toEqual(expected);
  const histograms = {
    'connect_duration_seconds_bucket{le="0.00005",relay="web"}': 0,
    'connect_duration_seconds_bucket{le="0.5",relay="web"}': 0,
    'connect_duration_seconds_bucket{le="1",relay="web"}': 1,
    'connection_duration_seconds_bucket{le="1",relay="web"}': 1,
    'connection_duration_seconds_bucket{le="10",relay="web"}': 2,
    event_loop_delay_seconds_count: 1,
    'event_loop_delay_seconds_bucket{le="0.01"}': 0,
    'event_loop_delay_seconds_bucket{le="0.05"}': 1,
    [`build_info{version="${version}"}`]: 1,
    log_lines_dropped_total: 3,
    workers: 2,
  };
  expect(values(Object.keys(histograms), (name) => own + name)).toEqual(histograms);
});

test("each relay has series of its own, the process has one", async () => {
  const statistics = new RelayStatistics();
  const both = new PrometheusMetrics({
    relays: ["a", "b"].map((name) => ({
      ...{ name, source: "", destination: "", connectionsMax: 1 },
      statistics: name === "a" ? statistics : new RelayStatistics(),
    })),
    process: {
      logLinesLost: () => 0,
      connectionsMax: null,
      earlierConnections: () => 0,
      memoryMax: 1e9,
      heldBytes: () => 5,
      workers: null,
    },
  });
  const relays = ["a", "b"].map((name) => combineObservers([both.observerOf(name)]));
  statistics.observer.opened?.(fakeConnection());
  relays[1]?.closed(fakeConnection(), "finished");
  const samples = readExposition(await both.expose());
  expect(samples.get(`${own}connections_total{relay="a"}`)).toBe(1);
  expect(samples.get(`${own}connections_total{relay="b"}`)).toBe(0);
  expect(samples.get(`${own}connection_duration_seconds_count{relay="a"}`)).toBe(0);
  expect(samples.get(`${own}connection_duration_seconds_count{relay="b"}`)).toBe(1);
  expect(samples.get(`${own}log_lines_dropped_total`)).toBe(0);
  expect(samples.has(`${own}workers`)).toBe(false);
});

test("a second reading counts nothing twice", async () => {
  live();
  const once = await metrics.expose();
  const [again, atOnce] = await Promise.all([metrics.expose(), metrics.expose()]);
  const ours = (text: string) => text.split("\n").filter((line) => line.startsWith(own));
  expect(ours(again)).toEqual(ours(once));
  expect(ours(atOnce)).toEqual(ours(once));
});

test("every ending has its sample before it happens", async () => {
  const samples = readExposition(await metrics.expose());
  for (const ending of ENDINGS)
    expect(samples.get(ofRelay(`connections_closed_total{ending="${ending}"}`))).toBe(0);
});

test("the process is told of under the names that all programs share", async () => {
  const samples = readExposition(await metrics.expose());
  expect(samples.get("process_cpu_seconds_total")).toBeGreaterThan(0);
  expect(samples.get("process_resident_memory_bytes")).toBeGreaterThan(1e6);
  expect(samples.get("process_open_fds")).toBeGreaterThan(2);
  expect(samples.get("process_max_fds")).toBeGreaterThan(2);
  const started = samples.get("process_start_time_seconds") ?? 0;
  expect(Date.now() / 1_000 - started).toBeWithin(0, 3_600);
});

test("a counter is named for what it counts, and nothing else is", async () => {
  for (const [name, type] of readTypes(await metrics.expose()))
    expect(name.endsWith("_total"), name).toBe(type === "counter");
});

await describeNeeding("Prometheus' own reader", [program("promtool")], () => {
  test("finds nothing to complain about", async () => {
    live();
    const { code, stdout, stderr } = await runProgram(["promtool", "check", "metrics"], {
      env: { PATH: "/usr/bin:/bin" },
      stdin: await metrics.expose(),
    });
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "", stderr: "" });
  });
});
