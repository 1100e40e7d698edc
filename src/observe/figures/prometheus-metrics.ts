import { Counter, Gauge, Histogram, Registry } from "@prometheus-io/client";
import { ENDINGS, type Observer } from "../../relay/observer.ts";
import { KNOWN_REFUSALS } from "../../relay/refusal-reasons.ts";
import { PROGRAM, VERSION } from "../../program/version.ts";
import type { BothWays } from "./open-connections.ts";
import { processUsage } from "./process-usage.ts";
import type { CountsByReason, RelayStatistics } from "./relay-statistics.ts";

// From a Unix socket on this machine to a server across the world.
const CONNECT_SECONDS = [
  0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10,
];

// Why a destination cannot be reached: the errors of connect(2), tcp(7), unix(7), socket(2) and
// path_resolution(7), and of the resolver. ELOOP is also a destination that is the relay's own source.
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

// From one request to a session of days.
const CONNECTION_SECONDS = [0.001, 0.01, 0.1, 1, 10, 60, 600, 3_600, 86_400];

// Below 1 ms it is the timer's own grain.
const LATE_SECONDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1];

/** What the metrics are made from. */
export interface MetricsSources {
  readonly relays: readonly RelayFigures[];
  readonly process: ProcessFigures;
}

/** What the metrics say of the whole process, besides what the system knows of it. */
export interface ProcessFigures {
  readonly logLinesLost: () => number;
  /** Connections that may be open at once in all relays together; null if no such limit is set. */
  readonly connectionsMax: number | null;
  /** The most bytes that all connections hold together; null if no such bound is known. */
  readonly memoryMax: number | null;
  /** The bytes that all connections hold together. */
  readonly heldBytes: () => number;
  /** Open connections that processes before a handover still carry. */
  readonly earlierConnections: () => number;
}

/** What the metrics say of one relay. */
export interface RelayFigures {
  readonly name: string;
  readonly source: string;
  readonly destination: string;
  readonly connectionsMax: number;
  readonly statistics: RelayStatistics;
}

/**
 * What Prometheus reads, under names after its conventions
 * (https://prometheus.io/docs/practices/naming/). Each series about a relay has the label `relay`.
 *
 * Everything is read when somebody scrapes, except for histograms, which note each connection. The
 * client's own default metrics are not used: under Bun most of them are empty, and they wake an idle
 * process a hundred times a second.
 */
export class PrometheusMetrics {
  /** Holds the metrics; a program may add its own. */
  readonly registry = new Registry();
  readonly #sources: MetricsSources;
  readonly #connect: Histogram<"relay">;
  readonly #connection: Histogram<"relay">;
  readonly #eventLoopDelay: Histogram;

  constructor(sources: MetricsSources) {
    this.#sources = sources;
    const registers = [this.registry];
    this.#connect = new Histogram({
      name: `${PROGRAM}_connect_duration_seconds`,
      help: "Time from accepting a client to reaching the destination.",
      buckets: CONNECT_SECONDS,
      labelNames: ["relay"],
      registers,
    });
    this.#connection = new Histogram({
      name: `${PROGRAM}_connection_duration_seconds`,
      help: "Time from accepting a client to the end of its connection.",
      buckets: CONNECTION_SECONDS,
      labelNames: ["relay"],
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

  /** The text format of Prometheus. */
  expose(): Promise<string> {
    return this.registry.metrics();
  }

  /** Notes how many seconds late the event loop was. */
  late(seconds: number): void {
    this.#eventLoopDelay.observe(seconds);
  }

  /** Notes what only a histogram can keep of a relay's connections, from zero on. */
  observerOf(relay: string): Partial<Observer> {
    const labels = { relay };
    this.#connect.zero(labels);
    this.#connection.zero(labels);
    return {
      connected: ({ openedAt, connectedAt }) => {
        if (connectedAt !== null) this.#connect.observe(labels, (connectedAt - openedAt) / 1_000);
      },
      closed: ({ openedAt }) =>
        this.#connection.observe(labels, (performance.now() - openedAt) / 1_000),
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
      "How often accepting paused because the most connections were open.",
      ({ statistics }) => only(statistics.acceptPauses),
    );
    this.#counter("faults_total", "Unexpected errors: bugs of this program.", ({ statistics }) =>
      only(statistics.faults),
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

  /** Under the names that all programs share. */
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

/** A value and its labels. */
type Value = readonly [value: number, labels?: Readonly<Record<string, string>>];

/** The values of a metric of one relay, without the label `relay`. */
type ReadRelay = (relay: RelayFigures) => readonly Value[];

function only(value: number): readonly Value[] {
  return [[value]];
}

/** Counts by a word. The words that are known before are there from 0 on, so that a first burst is. */
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
