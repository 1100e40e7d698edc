import { expect, test } from "bun:test";
import { pingRow } from "../../bench/measure/streams.ts";
import { type Report, table } from "../../bench/report.ts";
import { Rounds, sumUp } from "../../bench/results.ts";
import type { Figure, Sample } from "../../bench/samples.ts";

const ROW = pingRow({ name: "ping", title: "Pings", label: "ping" });

/** The bench's table of a relay whose rounds gave these samples. */
function tableOf(samples: readonly Sample[]): string {
  const rounds = new Rounds("simpletcpunixrelay");
  rounds.samples.push(...samples);
  const figures = Object.keys(ROW.figures) as Figure[];
  const report: Report = {
    date: "2026-01-01",
    machine: { processor: "processor", processors: 2, kernel: "6.18", load: 0 },
    ...{ rounds: samples.length, secondsALoad: 1, relays: {}, missing: [] },
    rows: [sumUp(ROW.name, "unix-tcp", figures, [rounds], undefined)],
  };
  return table(report, [ROW], {});
}

const pings = (...p50s: readonly number[]) =>
  p50s.map((p50) => ({ rate: 10_000, p50, p99: 2 * p50, cpu: 5 }));

test("rounds of pings that lie around two levels are shown as both, with their numbers", () => {
  const lines = tableOf(pings(10.5, 20, 10, 21, 11)).split("\n");
  expect(lines).toContain("  two levels of p50: 10.5 in 3 rounds, 20.5 in 2 rounds");
  // The others lie around one level, or may not have two.
  expect(lines.filter((line) => line.includes("two levels"))).toHaveLength(1);
});

test("rounds of pings around one level get no further line", () => {
  expect(tableOf(pings(10, 10.5, 11, 11.5, 12))).not.toContain("two levels");
  expect(tableOf(pings(10))).not.toContain("two levels");
});
