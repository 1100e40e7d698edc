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
  const metrics = new PrometheusMetrics({ relays: [], logLinesLost: () => 0 });
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

/** As promtool takes them: series a minute long each, and which alerts fire after ten of them. */
function alertTests() {
  const labels = 'job="relay",instance="a"';
  const series = (name: string, values: string, more = "") => ({
    series: `simpletcpunixrelay_${name}{${labels}${more}}`,
    values,
  });
  const alerts = ["RelayDestinationRefuses", "RelayAtConnectionLimit", "RelayLogLinesDropped"];
  const scenario = (input: ReturnType<typeof series>[], firing: readonly string[]) => ({
    interval: "1m",
    input_series: input,
    promql_expr_test: alerts.map((alertname) => ({
      expr: `count(ALERTS{alertname="${alertname}",alertstate="firing"}) or vector(0)`,
      eval_time: "10m",
      exp_samples: [{ labels: "{}", value: firing.includes(alertname) ? 1 : 0 }],
    })),
  });
  const traffic = series("connections_total", "0+60x15");
  const failures = (values: string) =>
    series("connections_failed_total", values, ',reason="ECONNREFUSED"');
  return {
    rule_files: [rulesPath],
    evaluation_interval: "1m",
    tests: [
      scenario([traffic, failures("0+3x15"), series("log_lines_dropped_total", "5x15")], []),
      scenario([traffic, failures("0+30x15")], ["RelayDestinationRefuses"]),
      scenario(
        [series("connections_open", "10x15"), series("connections_max", "10x15")],
        ["RelayAtConnectionLimit"],
      ),
      scenario([series("accept_pauses_total", "0+1x15")], ["RelayAtConnectionLimit"]),
      scenario([series("connections_open", "9x15"), series("connections_max", "10x15")], []),
      scenario([series("log_lines_dropped_total", "0 0 0 0 0 0 7x8")], ["RelayLogLinesDropped"]),
    ],
  };
}
