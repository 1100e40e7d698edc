import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ENVIRONMENT } from "../../../support/machine/container.ts";
import { makeNetwork, type Network, networkNeeds } from "../../../support/machine/network.ts";
import { describeNeeding, program } from "../../../support/machine/parts.ts";
import {
  type Point,
  type Prometheus,
  startPrometheus,
} from "../../../support/machine/prometheus.ts";
import { runProgram } from "../../../support/process/program.ts";
import { eventually } from "../admin.ts";
import { dashboards, filled, panels, variable, WINDOW } from "./dashboard.ts";
import { FaultyRelays } from "./faulty-relays.ts";
import { folderForTests } from "../../../support/temporary-folder.ts";

// A real Prometheus on another host scrapes relays whose faults are real. It reads the rules of the
// repository, with their times shortened.

const PATIENCE = 90_000;

type Labels = Readonly<Record<string, string>>;

/** The alerts, and the labels of the relay whose fault fires them here. */
const ALERTS = [
  ["RelayDown", { instance: "killed" }],
  ["RelayNotReady", { relay: "gone" }],
  ["RelayDestinationRefuses", { relay: "gone" }],
  ["RelayFaults", { relay: "mount-point" }],
  ["RelayEventLoopDelayed", { instance: "several" }],
  ["RelayDescriptorsNearLimit", { instance: "full" }],
  ["RelayConnectionsNearLimit", { relay: "full" }],
  ["RelayProcessConnectionsNearLimit", { instance: "shared" }],
  ["RelayAcceptsNobody", { relay: "full" }],
  ["RelayLogLinesDropped", { instance: "several" }],
  ["RelayHoldsMemory", { instance: "holding" }],
  ["RelayCaptureEnded", { relay: "captured" }],
] as const;

const needs = [...networkNeeds, ...["prometheus", "curl", "mkfifo", "mount"].map(program)];

await describeNeeding("a Prometheus in another network namespace", needs, () => {
  const owner = new AsyncDisposableStack();
  // Before the folder is removed, in which a file system is mounted.
  afterAll(() => owner.disposeAsync(), 120_000);
  const folder = folderForTests("prometheus");
  let network: Network;
  let relays: FaultyRelays;
  let prometheus: Prometheus;
  let faults: Promise<void> | undefined;
  /** Causes all faults, once: whichever tests run, the first of those that look for faults does. */
  const causeFaults = () => (faults ??= relays.cause());

  beforeAll(async () => {
    network = owner.use(await makeNetwork());
    relays = owner.use(new FaultyRelays(network, folder));
    await relays.start();
    const rules = relays.at("rules.yaml");
    writeFileSync(
      rules,
      readFileSync(join(dashboards, "prometheus-rules.yaml"), "utf8")
        .replaceAll(/for: \d+m/g, "for: 1s")
        .replaceAll(/\[\d+m\]/g, `[${WINDOW}]`),
    );
    const { far: host } = network;
    const targets = [...relays.instances.values()];
    prometheus = owner.use(await startPrometheus({ host, folder, targets, rules }));
    // The rules compare with what was before a fault.
    await becomes("up == 1", (points) => points.length === relays.instances.size);
  }, 120_000);

  /** Waits until what an expression gives is as wanted. */
  const becomes = (expression: string, isWanted: (points: readonly Point[]) => boolean) =>
    eventually(expression, () => prometheus.query(expression), isWanted, PATIENCE);

  async function fires(alert: string, labels: Labels): Promise<void> {
    // An alert may have fired and cleared since: a fault that happens once is soon past.
    const fired = `last_over_time(${firing(alert)}[10m])`;
    await becomes(fired, (points) => points.some((point) => isOf(point, labels)));
  }

  test("scrapes each relay through --metrics", async () => {
    const names = await prometheus.labelValues("relay", "simpletcpunixrelay_info");
    expect(names.toSorted()).toEqual([
      relays.at("killed"),
      "captured",
      "crowded",
      "full",
      "gone",
      "holding",
      "mount-point",
      "served",
    ]);
    expect(await prometheus.query("ALERTS")).toEqual([]);
  }, 120_000);

  test("curl there gets three paths for any Host, and no other", async () => {
    const codes = async (...args: readonly string[]) => {
      const urls = ["/metrics", "/healthz", "/readyz", "/", "/status", "/page"].flatMap((path) => [
        ...["--output", "/dev/null"],
        `http://${relays.instances.get("full")}${path}`,
      ]);
      const curl = ["curl", "--silent", "--write-out", "%{http_code} ", ...args, ...urls];
      const { stdout } = await runProgram([...network.far.prefix, ...curl], { env: ENVIRONMENT });
      return stdout.trim();
    };
    for (const host of ["Host: relay.example", "Host: localhost", "Host: 10.0.0.1:1", "Host:"])
      expect(await codes("--header", host)).toBe("200 200 200 404 404 404");
  });

  describe("alerts", () => {
    beforeAll(causeFaults, 120_000);

    test.each(ALERTS)("%s fires by a real fault of %j", fires, 120_000);
  });

  describe("the dashboard", () => {
    beforeAll(causeFaults, 120_000);

    test("has the relays of a process to choose from", async () => {
      const [, query = ""] = /label_values\((.*), relay\)/.exec(variable("relay")) ?? [];
      const instance = relays.instances.get("several") ?? "";
      const match = filled(query, { instance, relay: "" });
      await becomes(match, (points) => points.length > 0);
      const names = await prometheus.labelValues("relay", match);
      expect(names.toSorted()).toEqual(["gone", "served"]);
    });

    test.each(panels())(
      "panel %s: the answers are about the chosen relay",
      async (title, expr) => {
        const chosen = RELAY_OF_PANEL[title] ?? "served";
        const instance = relays.instances.get(chosen === "full" ? "full" : "several") ?? "";
        const expression = filled(expr, { instance, relay: chosen });
        const points = await becomes(expression, (found) => found.some(({ value }) => value >= 0));
        for (const { labels } of points) {
          expect([undefined, instance]).toContain(labels["instance"]);
          expect([undefined, chosen]).toContain(labels["relay"]);
        }
        // Of a relay that does not exist there is nothing, except for figures of the process.
        const nobody = await prometheus.query(filled(expr, { instance, relay: "nobody" }));
        if (expr.includes("$relay") && !expr.includes("vector(0)")) expect(nobody).toEqual([]);
      },
      120_000,
    );

    test("has the figures that are true", async () => {
      const shows = async (title: string, relay: string, isTrue: (value: number) => boolean) => {
        const [, expr = ""] = panels().find(([name]) => name === title) ?? [];
        const instance = relays.instances.get(relay === "full" ? "full" : "several") ?? "";
        await becomes(filled(expr, { instance, relay }), ([point]) => isTrue(point?.value ?? NaN));
      };
      const most = 'simpletcpunixrelay_connections_max{relay="full"}';
      const [open] = await becomes(most, (points) => points.length === 1);
      await shows("Open connections", "full", (value) => value === open?.value);
      await shows("Ready", "full", (value) => value === 1);
      await shows("Ready", "gone", (value) => value === 0);
      await shows("Failed", "served", (value) => value === 0);
      await shows("Failed", "gone", (value) => value > 5);
      await shows("Log lines dropped", "served", (value) => value > 0);
    }, 120_000);
  });

  describe("alerts", () => {
    beforeAll(async () => {
      await causeFaults();
      await Promise.all(ALERTS.map(([alert, labels]) => fires(alert, labels)));
      await relays.mend();
    }, 120_000);

    test.each(ALERTS)(
      "%s clears when the fault of %j is over",
      async (alert, labels) => {
        await becomes(firing(alert), (points) => !points.some((point) => isOf(point, labels)));
      },
      120_000,
    );
  });

  const firing = (alert: string) => `ALERTS{alertname="${alert}",alertstate="firing"}`;

  function isOf({ labels }: Point, wanted: Labels): boolean {
    return Object.entries(wanted).every(([name, value]) =>
      name === "instance" ? labels[name] === relays.instances.get(value) : labels[name] === value,
    );
  }
});

test("each alert of the rules is tried", () => {
  const rules = readFileSync(join(dashboards, "prometheus-rules.yaml"), "utf8");
  const alerts = Array.from(rules.matchAll(/alert: (\w+)/g), ([, alert = ""]) => alert);
  const tried = ALERTS.map(([alert]) => alert);
  expect(new Set<string>(tried)).toEqual(new Set(alerts));
});

/**
 * The panels whose figures are of another relay than `served`, which has connections and no
 * failures.
 */
const RELAY_OF_PANEL: Readonly<Record<string, string>> = {
  Ready: "full",
  "Open connections": "full",
  Failed: "gone",
  "New, failed and refused connections": "gone",
};
