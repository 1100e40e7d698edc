import { Counter, Gauge, Histogram, Registry } from "@prometheus-io/client";
import { PROGRAM } from "../../program/version.ts";
import type { Observer } from "../../relay/observer.ts";
import { DurationHistogram } from "./duration-histogram.ts";
import { CONNECT_SECONDS, CONNECTION_SECONDS, LATE_SECONDS } from "./prometheus-bucket-bounds.ts";
import type { Metric } from "./metric.ts";
import { metricsOfProcess, metricsOfProgram, type ProcessFigures } from "./metrics-of-process.ts";
import { metricsOfRelays, type RelayFigures } from "./metrics-of-relays.ts";

/** The relays and the process whose figures become metrics. */
export interface MetricsSources {
  readonly relays: readonly RelayFigures[];
  readonly process: ProcessFigures;
}

/**
 * The metrics, named by the conventions of Prometheus
 * (https://prometheus.io/docs/practices/naming/). Each time series about a relay has the label
 * `relay`.
 *
 * The values are read at each scrape. Only the histograms are updated earlier, at the events
 * themselves.
 *
 * The default metrics of the Prometheus client library are not used: under Bun most of them are
 * empty, and they wake an idle process a hundred times a second.
 */
export class PrometheusMetrics {
  /**
   * The registry of all metrics. A program that uses this project as a library may add its own
   * metrics.
   */
  readonly registry = new Registry();
  readonly #connect: DurationHistogram;
  readonly #connection: DurationHistogram;
  readonly #eventLoopDelay: Histogram;

  constructor(sources: MetricsSources) {
    const registers = [this.registry];
    this.#connect = new DurationHistogram({
      name: `${PROGRAM}_connect_duration_seconds`,
      help: "Time from accepting a client to reaching the destination.",
      buckets: CONNECT_SECONDS,
      registers,
    });
    this.#connection = new DurationHistogram({
      name: `${PROGRAM}_connection_duration_seconds`,
      help: "Time from accepting a client to the end of its connection.",
      buckets: CONNECTION_SECONDS,
      registers,
    });
    this.#eventLoopDelay = new Histogram({
      name: `${PROGRAM}_event_loop_delay_seconds`,
      help: "How late the event loop came to a timer, looked at four times a second.",
      buckets: LATE_SECONDS,
      registers,
    });
    for (const metric of [
      ...metricsOfRelays(sources.relays),
      ...metricsOfProgram(sources.process),
      ...metricsOfProcess(),
    ])
      this.#export(metric);
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  /** The metrics in the text format of Prometheus. */
  expose(): Promise<string> {
    return this.registry.metrics();
  }

  /** Adds a delay of the event loop, in seconds, to the histogram. */
  late(seconds: number): void {
    this.#eventLoopDelay.observe(seconds);
  }

  /**
   * Creates the two histograms of a relay (connect time and duration of connections) with all
   * counts 0, and returns the observer that fills them.
   */
  observerOf(relay: string): Partial<Observer> {
    const connects = this.#connect.of(relay);
    const connections = this.#connection.of(relay);
    return {
      connected: ({ openedAt, connectedAt }) => {
        if (connectedAt !== null) connects.note((connectedAt - openedAt) / 1_000);
      },
      closed: ({ openedAt }) => connections.note((performance.now() - openedAt) / 1_000),
    };
  }

  #export({ kind, name, help, read }: Metric): void {
    new (kind === "counter" ? Counter : Gauge)({
      name,
      help,
      labelNames: LABELS,
      registers: [this.registry],
      collect() {
        this.reset();
        for (const [value, labels = {}] of read()) this.inc(labels, value);
      },
    });
  }
}

const LABELS = ["relay", "source", "destination", "version", "reason", "ending", "from"];
