import { formatCount, formatLatency, formatRate } from "../figures/print-figures.ts";
import { Chart, type Series } from "./chart.ts";
import { ChartCursor } from "./chart-cursor.ts";
import { decadeScale, linearScale, mirroredScale } from "./chart-scale.ts";
import { byId } from "./dom.ts";

/** The time that the charts show, in seconds. */
export const SECONDS = 300;

// The exponent of the lowest value on the axis of the chart "Delay": the axis begins at 10 µs (10
// to the power of -5 s) or above. The times to connect to the destination, and the delays of the
// event loop, are seldom shorter.
const SHORTEST_DECADE = -5;

/** Makes the charts of the page, which have one cursor in common. */
export function pageCharts(): readonly Chart[] {
  const cursor = new ChartCursor(SECONDS);
  return [
    new Chart(byId("throughput"), {
      title: "Traffic",
      series: [
        { name: "↑ from clients", kind: "up", value: ({ rate_up }) => rate_up },
        {
          name: "↓ from destination",
          kind: "down",
          value: ({ rate_down }) => rate_down,
          isBelow: true,
        },
      ],
      format: formatRate,
      scale: (shown) =>
        mirroredScale(
          most(shown.map(({ rate_up }) => rate_up)),
          most(shown.map(({ rate_down }) => rate_down)),
          1_000,
        ),
      seconds: SECONDS,
      cursor,
    }),
    countChart(cursor, "connections", "Connections", [
      { name: "open", kind: "open", value: ({ open }) => open },
      { name: "new a second", kind: "usual", value: ({ accepted }) => accepted },
    ]),
    countChart(cursor, "failure-chart", "Failures", [
      { name: "failed a second", kind: "failed", value: ({ failed }) => failed },
      { name: "refused a second", kind: "refused", value: ({ refused }) => refused },
    ]),
    new Chart(byId("latency"), {
      title: "Delay",
      series: [
        {
          name: "event loop",
          kind: "loop",
          value: (one) => one.event_loop_delay_seconds,
          shape: "bars",
        },
        {
          name: "connect p50",
          kind: "usual",
          value: (one) => one.connect_p50_seconds,
          shape: "line",
        },
        { name: "p99", kind: "slow", value: (one) => one.connect_p99_seconds, shape: "line" },
      ],
      format: formatLatency,
      scale: (shown) =>
        decadeScale(
          shown.flatMap((one) => [
            one.connect_p50_seconds ?? 0,
            one.connect_p99_seconds ?? 0,
            one.event_loop_delay_seconds,
          ]),
          SHORTEST_DECADE,
        ),
      seconds: SECONDS,
      cursor,
    }),
  ];
}

function countChart(
  cursor: ChartCursor,
  id: string,
  title: string,
  series: readonly Series[],
): Chart {
  return new Chart(byId(id), {
    title,
    series,
    format: formatCount,
    scale: (shown) =>
      linearScale(most(shown.flatMap((one) => series.map(({ value }) => value(one) ?? 0))), 3),
    seconds: SECONDS,
    cursor,
  });
}

function most(values: readonly number[]): number {
  return Math.max(0, ...values);
}
