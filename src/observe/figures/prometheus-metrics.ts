import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Observer } from "../../relay/observer.ts";
import { PROGRAM, VERSION } from "../../version.ts";
import type { BothWays } from "./open-connections.ts";
import { processUsage } from "./process-usage.ts";
import type { CountsByReason, RelayStatistics } from "./relay-statistics.ts";

// From a Unix socket on this machine to a server across the world.
const CONNECT_SECONDS = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10];

// From one request to a session of days.
const CONNECTION_SECONDS = [0.001, 0.01, 0.1, 1, 10, 60, 600, 3_600, 86_400];

// Below 1 ms it is the timer's own grain.
const LATE_SECONDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1];

/** Figures that only others know. */
export interface MetricsSources {
  readonly statistics: RelayStatistics;
  readonly connectionsMax: number;
  readonly logLinesLost: () => number;
}

/**
 * What Prometheus reads, under names after its conventions
 * (https://prometheus.io/docs/practices/naming/).
 *
 * Everything is read when somebody scrapes, except what only a histogram can keep, which is noted
 * once a connection. prom-client's own default metrics are not used: under Bun most of what they
 * say of the process is empty, and they wake an idle process a hundred times a second.
 */
export class PrometheusMetrics {
  readonly observer: Partial<Observer>;
  readonly #registry = new Registry();
  readonly #eventLoopDelay: Histogram;

  constructor(sources: MetricsSources) {
    const connect = this.#histogram(
      "connect_seconds",
      "Time from accepting a client to reaching the destination.",
      CONNECT_SECONDS,
    );
    const connection = this.#histogram(
      "connection_seconds",
      "Time from accepting a client to the end of its connection.",
      CONNECTION_SECONDS,
    );
    this.#eventLoopDelay = this.#histogram(
      "event_loop_delay_seconds",
      "How late the event loop came to a timer, looked at four times a second.",
      LATE_SECONDS,
    );
    this.observer = {
      connected: ({ openedAt }) => connect.observe(secondsSince(openedAt)),
      closed: ({ openedAt }) => connection.observe(secondsSince(openedAt)),
    };
    this.#exportRelay(sources);
    this.#exportProcess();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The text format of Prometheus. */
  expose(): Promise<string> {
    return this.#registry.metrics();
  }

  /** Notes how many seconds late the event loop was. */
  late(seconds: number): void {
    this.#eventLoopDelay.observe(seconds);
  }

  #exportRelay({ statistics, connectionsMax, logLinesLost }: MetricsSources): void {
    this.#gauge("build_info", "1, with the version as a label.", () => [[1, VERSION]], "version");
    this.#gauge("ready", "Whether clients should be sent here: 1 or 0.", () => [
      [statistics.notReadyBecause === null ? 1 : 0],
    ]);
    this.#gauge("connections_open", "Open connections.", () => [[statistics.open.size]]);
    this.#gauge("connections_max", "Connections that may be open at once.", () => [
      [connectionsMax],
    ]);
    this.#counter("connections_total", "Connections accepted.", () => [[statistics.accepted]]);
    this.#counter(
      "connections_refused_total",
      "Clients turned away by the rules of who may connect, by the reason.",
      () => byWord(statistics.refused),
      "reason",
    );
    this.#counter(
      "connections_failed_total",
      "Connections whose destination could not be reached, by the system's code.",
      () => byWord(statistics.failed),
      "reason",
    );
    this.#counter(
      "connections_closed_total",
      "Connections that are over, by how they ended.",
      () => byWord(statistics.closed),
      "ending",
    );
    this.#counter(
      "received_bytes_total",
      "Bytes read, by the side they came from.",
      () => bySide(statistics.bytes),
      "from",
    );
    this.#gauge(
      "held_bytes",
      "Bytes read that the other side has not taken yet.",
      () => bySide(statistics.open.held()),
      "from",
    );
    this.#counter(
      "backpressure_pauses_total",
      "How often reading from a side paused because the other took no more.",
      () => bySide(statistics.pauses),
      "from",
    );
    this.#counter(
      "accept_pauses_total",
      "How often accepting paused because the most connections were open.",
      () => [[statistics.acceptPauses]],
    );
    this.#counter(
      "log_lines_dropped_total",
      "Lines of the log that were lost because nobody took them.",
      () => [[logLinesLost()]],
    );
    this.#counter("faults_total", "Unexpected errors: bugs of this program.", () => [
      [statistics.faults],
    ]);
  }

  /** Under the names that all programs share. */
  #exportProcess(): void {
    this.#export(Counter, "process_cpu_seconds_total", "CPU time of the process.", () => {
      const { cpuUserSeconds, cpuSystemSeconds } = processUsage();
      return [[cpuUserSeconds + cpuSystemSeconds]];
    });
    const gauges = [
      ["process_resident_memory_bytes", "Resident memory of the process.", "residentBytes"],
      ["process_start_time_seconds", "Start of the process since 1970.", "startTime"],
      ["process_open_fds", "Open descriptors.", "openFiles"],
      ["process_max_fds", "Descriptors that may be open.", "openFilesMax"],
    ] as const;
    for (const [name, help, figure] of gauges) {
      if (processUsage()[figure] === null) continue;
      this.#export(Gauge, name, help, () => [[processUsage()[figure] ?? 0]]);
    }
  }

  #counter(name: string, help: string, read: Read, label?: string): void {
    this.#export(Counter, `${PROGRAM}_${name}`, help, read, label);
  }

  #gauge(name: string, help: string, read: Read, label?: string): void {
    this.#export(Gauge, `${PROGRAM}_${name}`, help, read, label);
  }

  #histogram(name: string, help: string, buckets: number[]): Histogram {
    const registers = [this.#registry];
    return new Histogram({ name: `${PROGRAM}_${name}`, help, buckets, registers });
  }

  #export(
    Kind: typeof Counter<string> | typeof Gauge<string>,
    name: string,
    help: string,
    read: Read,
    label?: string,
  ): void {
    new Kind({
      name,
      help,
      labelNames: label === undefined ? [] : [label],
      registers: [this.#registry],
      collect() {
        this.reset();
        for (const [value, word] of read())
          this.inc(label === undefined || word === undefined ? {} : { [label]: word }, value);
      },
    });
  }
}

/** The values of a metric now, each with its label's. */
type Read = () => readonly (readonly [value: number, word?: string])[];

function byWord(counts: CountsByReason) {
  return Array.from(counts, ([word, count]) => [count, word] as const);
}

function bySide({ up, down }: BothWays) {
  return [[up, "client"] as const, [down, "destination"] as const];
}

function secondsSince(milliseconds: number): number {
  return (performance.now() - milliseconds) / 1_000;
}
