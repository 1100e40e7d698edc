import { Counter, Gauge, Histogram, Registry } from "@prometheus-io/client";
import { ENDINGS, type Observer } from "../../relay/observer.ts";
import { KNOWN_REFUSALS } from "../../relay/admission/refusal-reasons.ts";
import { PROGRAM, VERSION } from "../../program/version.ts";
import { DurationHistogram } from "./duration-histogram.ts";
import type { BothWays } from "./open-connections.ts";
import { processUsage } from "./process-usage.ts";
import type { CountsByReason, RelayStatistics } from "./relay-statistics.ts";

// The buckets of the connect time, in seconds. The lowest buckets fit a Unix socket on this
// machine, the highest fit a server on the other side of the world.
const CONNECT_SECONDS = [
  0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10,
];

// The error codes of an unreachable destination: from connect(2), tcp(7), unix(7), socket(2),
// path_resolution(7) and the resolver. The relay also reports ELOOP if the destination is the
// relay's own source.
const FAILURE_CODES = [
  ...[
    "ECONNREFUSED",
    "ECONNRESET",
    "ENOENT",
    "EACCES",
    "EPERM",
    "EAGAIN",
    "ETIMEDOUT",
    "EPROTOTYPE",
  ],
  ...["EHOSTUNREACH", "ENETUNREACH", "EHOSTDOWN", "ENETDOWN", "EADDRNOTAVAIL", "EAFNOSUPPORT"],
  ...["ELOOP", "ENOTDIR", "EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"],
  ...["ENOTFOUND", "EAI_AGAIN", "EAI_FAIL"],
];

// The buckets of a connection's duration, in seconds. The lowest buckets fit a single request, the
// highest fit a session of days.
const CONNECTION_SECONDS = [0.001, 0.01, 0.1, 1, 10, 60, 600, 3_600, 86_400];

// The buckets of the event loop's delay, in seconds. There is no bucket below 1 ms, because timers
// are not more precise.
const LATE_SECONDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1];

/** The relays and the process whose figures become metrics. */
export interface MetricsSources {
  readonly relays: readonly RelayFigures[];
  readonly process: ProcessFigures;
}

/**
 * Figures of the whole process that only this program knows. (The operating system knows others,
 * such as the memory or the CPU time.)
 */
export interface ProcessFigures {
  /** The number of log lines that were lost since the start. */
  readonly logLinesLost: () => number;
  /**
   * The maximum number of connections that may be open at the same time in all relays together;
   * null if there is no such limit.
   */
  readonly connectionsMax: number | null;
  /**
   * The maximum number of bytes that all connections together may hold; null in a program that uses
   * the library and does not pass this limit to its `Observation`.
   */
  readonly memoryMax: number | null;
  /**
   * The number of bytes that all connections together hold. The bytes of the connections of each
   * thread are rounded up to whole KiB.
   */
  readonly heldBytes: () => number;
  /** The number of open connections that earlier processes still carry after a handover. */
  readonly earlierConnections: () => number;
}

/** The figures of one relay that become metrics. */
export interface RelayFigures {
  readonly name: string;
  readonly source: string;
  readonly destination: string;
  readonly connectionsMax: number;
  readonly statistics: RelayStatistics;
}

/**
 * The metrics for Prometheus, named by its conventions
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
  readonly #sources: MetricsSources;
  readonly #connect: DurationHistogram;
  readonly #connection: DurationHistogram;
  readonly #eventLoopDelay: Histogram;

  constructor(sources: MetricsSources) {
    this.#sources = sources;
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
    this.#exportRelays();
    this.#exportProgram();
    this.#exportProcess();
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

  #exportRelays(): void {
    this.#gauge("info", "1, with the relay's addresses as labels.", (relay) => [
      [1, { source: relay.source, destination: relay.destination }],
    ]);
    this.#gauge("ready", "Whether clients should be sent here: 1 or 0.", ({ statistics }) =>
      only(statistics.notReadyBecause === null ? 1 : 0),
    );
    this.#gauge("connections_open", "Open connections.", ({ statistics }) =>
      only(statistics.open.size),
    );
    this.#gauge(
      "connections_waiting_for_header",
      "Proxies without a whole PROXY header; they are not open, but take places.",
      ({ statistics }) => only(statistics.waitingForHeader),
    );
    this.#gauge(
      "connections_max",
      "Connections that may be open at once.",
      ({ connectionsMax: most }) => only(most),
    );
    this.#counter("connections_total", "Connections accepted.", ({ statistics }) =>
      only(statistics.accepted),
    );
    this.#counter(
      "connections_refused_total",
      "Clients that were not allowed to connect, by the reason.",
      ({ statistics }) => byWord("reason", statistics.refused, KNOWN_REFUSALS),
    );
    this.#counter(
      "connections_failed_total",
      "Connections whose destination could not be reached, by the system's code.",
      ({ statistics }) => byWord("reason", statistics.failed, FAILURE_CODES),
    );
    this.#counter(
      "connections_closed_total",
      "Connections that are over, by how they ended.",
      ({ statistics }) => byWord("ending", statistics.closed, ENDINGS),
    );
    this.#counter(
      "received_bytes_total",
      "Bytes read, by the side they came from.",
      ({ statistics }) => bySide(statistics.bytes),
    );
    this.#gauge(
      "held_bytes",
      "Bytes read that the other side has not taken yet.",
      ({ statistics }) => bySide(statistics.open.held()),
    );
    this.#counter(
      "backpressure_pauses_total",
      "How often reading from a side paused because the other took no more.",
      ({ statistics }) => bySide(statistics.pauses),
    );
    this.#counter(
      "accept_pauses_total",
      "How often accepting paused at the limit of connections or of held bytes.",
      ({ statistics }) => only(statistics.acceptPauses),
    );
    this.#gauge(
      "capture_ended",
      "Whether the capture has ended before the relay: 1 or 0.",
      ({ statistics }) => only(statistics.captureEnded === null ? 0 : 1),
    );
    this.#counter(
      "faults_total",
      "Unexpected errors: bugs of this program, or failures of the system.",
      ({ statistics }) => only(statistics.faults),
    );
  }

  #exportProgram(): void {
    this.#export(Gauge, `${PROGRAM}_build_info`, "1, with the version as a label.", () => [
      [1, { version: VERSION }],
    ]);
    this.#export(
      Counter,
      `${PROGRAM}_log_lines_dropped_total`,
      "Lines of the log that were lost because nobody took them.",
      () => only(this.#sources.process.logLinesLost()),
    );
    this.#export(
      Gauge,
      `${PROGRAM}_earlier_connections_open`,
      "Open connections that processes before a handover still carry; no other metric counts them.",
      () => only(this.#sources.process.earlierConnections()),
    );
    const { connectionsMax, memoryMax, heldBytes } = this.#sources.process;
    if (memoryMax !== null) {
      this.#export(
        Gauge,
        `${PROGRAM}_process_held_bytes`,
        "Bytes read that the other side has not taken yet, in all relays together.",
        () => only(heldBytes()),
      );
      this.#export(
        Gauge,
        `${PROGRAM}_process_held_bytes_max`,
        "Bytes that may be held in all relays together.",
        () => only(memoryMax),
      );
    }
    if (connectionsMax !== null)
      this.#export(
        Gauge,
        `${PROGRAM}_process_connections_max`,
        "Connections that may be open at once in all relays together.",
        () => only(connectionsMax),
      );
  }

  /** Exports the process metrics, under the names that Prometheus client libraries share. */
  #exportProcess(): void {
    this.#export(Counter, "process_cpu_seconds_total", "CPU time of the process.", () => {
      const { cpuUserSeconds, cpuSystemSeconds } = processUsage();
      return only(cpuUserSeconds + cpuSystemSeconds);
    });
    const gauges = [
      ["process_resident_memory_bytes", "Resident memory of the process.", "residentBytes"],
      ["process_start_time_seconds", "Start of the process since 1970.", "startTime"],
      ["process_open_fds", "Open descriptors.", "openFiles"],
      ["process_max_fds", "Descriptors that may be open.", "openFilesMax"],
    ] as const;
    for (const [name, help, figure] of gauges) {
      if (processUsage()[figure] === null) continue;
      this.#export(Gauge, name, help, () => only(processUsage()[figure] ?? 0));
    }
  }

  #counter(name: string, help: string, read: ReadRelay): void {
    this.#export(Counter, `${PROGRAM}_${name}`, help, () => this.#ofEach(read));
  }

  #gauge(name: string, help: string, read: ReadRelay): void {
    this.#export(Gauge, `${PROGRAM}_${name}`, help, () => this.#ofEach(read));
  }

  #ofEach(read: ReadRelay): readonly Value[] {
    return this.#sources.relays.flatMap((relay) =>
      read(relay).map(([value, labels]): Value => [value, { relay: relay.name, ...labels }]),
    );
  }

  #export(
    Kind: typeof Counter<string> | typeof Gauge<string>,
    name: string,
    help: string,
    read: () => readonly Value[],
  ): void {
    new Kind({
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

/** One value of a metric, with its labels. */
type Value = readonly [value: number, labels?: Readonly<Record<string, string>>];

/** Reads the values of a metric from one relay. The caller adds the label `relay`. */
type ReadRelay = (relay: RelayFigures) => readonly Value[];

function only(value: number): readonly Value[] {
  return [[value]];
}

/**
 * The values of a metric that has a count for each value of a label, such as each error code. Each
 * known label value is present from the start, with the count 0, because Prometheus cannot see the
 * increase from a missing value to the first count.
 */
function byWord(label: string, counts: CountsByReason, known: readonly string[]): readonly Value[] {
  const words = new Set([...known, ...counts.keys()]);
  return Array.from(words, (word) => [counts.get(word) ?? 0, { [label]: word }]);
}

function bySide({ up, down }: BothWays): readonly Value[] {
  return [
    [up, { from: "client" }],
    [down, { from: "destination" }],
  ];
}
