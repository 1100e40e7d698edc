import { describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PrometheusMetrics } from "../../../src/observe/figures/prometheus-metrics.ts";
import { readTypes } from "../../support/exposition.ts";
import { describeNeeding, program } from "../../support/machine/parts.ts";
import { runProgram } from "../../support/process/program.ts";

const folder = join(import.meta.dir, "../../../src/observe/dashboards");
const rulesPath = join(folder, "prometheus-rules.yaml");

interface Dashboard {
  readonly panels: readonly {
    readonly id: number;
    readonly title: string;
    readonly targets: readonly { readonly expr: string }[];
  }[];
  readonly templating: {
    readonly list: readonly { readonly query: string | { readonly query: string } }[];
  };
}

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly { readonly alert: string; readonly expr: string }[];
  }[];
}

const dashboard = JSON.parse(
  readFileSync(join(folder, "grafana-dashboard.json"), "utf8"),
) as Dashboard;
const rules = Bun.YAML.parse(readFileSync(rulesPath, "utf8")) as Rules;

const panelExpressions = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
const ruleExpressions = rules.groups.flatMap((group) => group.rules.map(({ expr }) => expr));
const queries = dashboard.templating.list.map(({ query }) =>
  typeof query === "string" ? query : query.query,
);

/** Every name that the program really exports, histograms' parts included. */
async function exportedNames(): Promise<Set<string>> {
  const metrics = new PrometheusMetrics({
    relays: [],
    process: {
      logLinesLost: () => 0,
      connectionsMax: 1,
      earlierConnections: () => 0,
      memoryMax: 1e9,
      heldBytes: () => 5,
      workers: () => 1,
    },
  });
  const types = readTypes(await metrics.expose());
  const names = Array.from(types, ([name, type]) =>
    type === "histogram" ? ["_bucket", "_sum", "_count"].map((part) => name + part) : [name],
  );
  return new Set(names.flat());
}

function namesIn(expression: string): string[] {
  return expression.match(/\b(?:simpletcpunixrelay|process)_\w+/g) ?? [];
}

describe.each([
  ["the dashboard's panels", panelExpressions],
  ["the dashboard's variables", queries.filter((query) => query !== "prometheus")],
  ["the alert rules", ruleExpressions],
])("%s", (_, expressions) => {
  test("ask only for names that the program exports", async () => {
    const exported = await exportedNames();
    expect(expressions.length).toBeGreaterThan(0);
    for (const expression of expressions) {
      expect(namesIn(expression), expression).not.toBeEmpty();
      for (const name of namesIn(expression)) expect(exported.has(name), name).toBe(true);
    }
  });
});

test("the dashboard shows every metric of the program", async () => {
  const shown = new Set(panelExpressions.flatMap(namesIn).map(baseOf));
  const exported = [...(await exportedNames())].map(baseOf);
  const left = exported.filter((name) => !shown.has(name));
  expect([...new Set(left)]).toEqual(["process_start_time_seconds"]);
});

test("the dashboard's panels have ids of their own", () => {
  const ids = dashboard.panels.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
});

await describeNeeding("Prometheus' own tool", [program("promtool")], () => {
  const promtool = (args: readonly string[]) =>
    runProgram(["promtool", ...args], { env: { PATH: "/usr/bin:/bin" } });

  test("takes the alert rules", async () => {
    expect(await promtool(["check", "rules", rulesPath])).toMatchObject({ code: 0 });
  });

  test("takes every expression of the dashboard", async () => {
    const workshop = mkdtempSync(join(tmpdir(), "dashboard-"));
    try {
      const path = join(workshop, "rules.yaml");
      const filled = panelExpressions.map((expression, index) => ({
        record: `panel:${index}`,
        expr: expression
          .replaceAll("$__rate_interval", "5m")
          .replaceAll("$__range", "1h")
          .replaceAll(/\$(job|instance|relay)/g, ".*"),
      }));
      writeFileSync(path, JSON.stringify({ groups: [{ name: "panels", rules: filled }] }));
      const { code, stderr } = await promtool(["check", "rules", path]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    } finally {
      rmSync(workshop, { recursive: true });
    }
  });

  test("sees each alert fire when it should, and not otherwise", async () => {
    const workshop = mkdtempSync(join(tmpdir(), "alerts-"));
    try {
      const path = join(workshop, "test.yaml");
      writeFileSync(path, JSON.stringify(alertTests()));
      const { code, stdout, stderr } = await promtool(["test", "rules", path]);
      expect({ code, stderr, stdout }).toMatchObject({ code: 0 });
    } finally {
      rmSync(workshop, { recursive: true });
    }
  });
});

function baseOf(name: string): string {
  return name.replace(/_(bucket|sum|count)$/, "");
}

interface Series {
  readonly series: string;
  readonly values: string;
}

const LABELS = 'job="relay",instance="a"';

/** A series of the process, as promtool writes values: `0+60x20` grows by 60 each minute. */
function ofProcess(name: string, values: string, labels = ""): Series {
  return { series: `${name}{${LABELS}${labels}}`, values };
}

/** A series of one relay. */
function ofRelay(name: string, values: string, labels = ""): Series {
  return ofProcess(`simpletcpunixrelay_${name}`, values, `,relay="web"${labels}`);
}

const relayProcess = ofProcess("simpletcpunixrelay_build_info", "1x20", ',version="1.0.0"');
const traffic = ofRelay("connections_total", "0+60x20");
const most = ofRelay("connections_max", "100x20");
/** The places of one relay that are taken: open connections, and proxies without a header. */
const places = (open: number, waiting = 0) => [
  ofRelay("connections_open", `${open}x20`),
  ofRelay("connections_waiting_for_header", `${waiting}x20`),
];
const paused = ofRelay("accepting_paused", "1x20", ',reason="connections_max"');
const mostOfAll = ofProcess("simpletcpunixrelay_process_connections_max", "100x20");
/** The places of another relay of the same process. */
const placesOfOther = (open: number) =>
  [["connections_open", open] as const, ["connections_waiting_for_header", 0] as const].map(
    ([name, value]) => ofProcess(`simpletcpunixrelay_${name}`, `${value}x20`, ',relay="db"'),
  );
const failures = (values: string) =>
  ofRelay("connections_failed_total", values, ',reason="ECONNREFUSED"');
const descriptors = (open: number) => [
  relayProcess,
  ofProcess("process_open_fds", `${open}x20`),
  ofProcess("process_max_fds", "1000x20"),
];
/** Of 100 looks a minute, how many came within 10 ms, and within 1 s. */
const looks = (quick: number) =>
  [
    ["0.01", quick],
    ["1", 100],
    ["+Inf", 100],
  ].map(([le, count]) =>
    ofProcess("simpletcpunixrelay_event_loop_delay_seconds_bucket", `0+${count}x20`, `,le="${le}"`),
  );

const heldOfThousand = (held: number) => [
  ofProcess("simpletcpunixrelay_process_held_bytes", `${held}x20`),
  ofProcess("simpletcpunixrelay_process_held_bytes_max", "1000x20"),
];

/** For each alert what makes it fire, and what comes near to that and does not. */
const CASES: Readonly<Record<string, { fires: readonly Series[]; quiet: readonly Series[] }>> = {
  RelayDown: {
    fires: [ofProcess("simpletcpunixrelay_build_info", "1 1 1"), ofProcess("up", "1 1 1 0x20")],
    // Somebody else's process is down.
    quiet: [relayProcess, ofProcess("up", "1x20"), { series: 'up{job="other"}', values: "0x20" }],
  },
  RelayNotReady: { fires: [ofRelay("ready", "0x20")], quiet: [ofRelay("ready", "1 0x13 1x7")] },
  RelayDestinationRefuses: {
    fires: [traffic, failures("0+30x20")],
    quiet: [traffic, failures("0+3x20")],
  },
  RelayFaults: {
    fires: [ofRelay("faults_total", "0x10 1x10")],
    quiet: [ofRelay("faults_total", "3x20")],
  },
  RelayEventLoopDelayed: { fires: looks(90), quiet: looks(100) },
  RelayDescriptorsNearLimit: { fires: descriptors(950), quiet: descriptors(900) },
  RelayConnectionsNearLimit: {
    fires: [most, ...places(90, 5)],
    quiet: [most, ...places(90)],
  },
  RelayProcessConnectionsNearLimit: {
    fires: [mostOfAll, ...places(48, 3), ...placesOfOther(40)],
    quiet: [mostOfAll, ...places(50), ...placesOfOther(40)],
  },
  RelayCaptureEnded: {
    fires: [ofRelay("capture_ended", "0x10 1x10")],
    quiet: [ofRelay("capture_ended", "0x20")],
  },
  RelayAcceptsNobody: {
    fires: [paused, ofRelay("connections_total", "100x20")],
    // Full, and yet connections come and go.
    quiet: [paused, traffic],
  },
  RelayLogLinesDropped: {
    fires: [ofProcess("simpletcpunixrelay_log_lines_dropped_total", "0x10 7x10")],
    quiet: [ofProcess("simpletcpunixrelay_log_lines_dropped_total", "5x20")],
  },
  RelayHoldsMemory: { fires: heldOfThousand(950), quiet: heldOfThousand(900) },
};

test("each alert has a case in which it fires, and one in which it does not", () => {
  const alerts = rules.groups.flatMap((group) => group.rules.map(({ alert }) => alert));
  expect(Object.keys(CASES).sort()).toEqual(alerts.sort());
});

/**
 * As promtool takes them: series of a sample a minute, and whether the alert fires after 15 min.
 */
function alertTests() {
  const scenario = (alert: string, series: readonly Series[], isFiring: boolean) => ({
    interval: "1m",
    input_series: series,
    promql_expr_test: [
      {
        expr: `count(ALERTS{alertname="${alert}",alertstate="firing"}) or vector(0)`,
        eval_time: "15m",
        exp_samples: [{ labels: "{}", value: isFiring ? 1 : 0 }],
      },
    ],
  });
  return {
    rule_files: [rulesPath],
    evaluation_interval: "1m",
    tests: Object.entries(CASES).flatMap(([alert, { fires, quiet }]) => [
      scenario(alert, fires, true),
      scenario(alert, quiet, false),
    ]),
  };
}
