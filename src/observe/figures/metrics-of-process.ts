import { PROGRAM, VERSION } from "../../program/version.ts";
import { counter, gauge, type Metric, only } from "./metric.ts";
import { processUsage } from "./process-usage.ts";

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
   * The number of bytes that all connections together hold. Each thread rounds the bytes of its
   * connections up to whole KiB.
   */
  readonly heldBytes: () => number;
  /**
   * Returns the number of threads that carry connections now; null in a program that uses the
   * library and does not pass this function to its `Observation`.
   */
  readonly workers: (() => number) | null;
  /** The number of open connections that earlier processes still carry after a handover. */
  readonly earlierConnections: () => number;
}

/** Returns the metrics about this program that concern all relays of the process together. */
export function metricsOfProgram(figures: ProcessFigures): readonly Metric[] {
  const { connectionsMax, memoryMax, heldBytes, workers } = figures;
  return [
    gauge(`${PROGRAM}_build_info`, "1, with the version as a label.", () => [
      [1, { version: VERSION }],
    ]),
    counter(
      `${PROGRAM}_log_lines_dropped_total`,
      "Lines of the log that were lost because nobody took them or a write failed.",
      () => only(figures.logLinesLost()),
    ),
    gauge(
      `${PROGRAM}_earlier_connections_open`,
      "Open connections that processes before a handover still carry; no other metric counts them.",
      () => only(figures.earlierConnections()),
    ),
    ...(workers === null
      ? []
      : [
          gauge(`${PROGRAM}_workers`, "Threads that carry connections now.", () => only(workers())),
        ]),
    ...(memoryMax === null
      ? []
      : [
          gauge(
            `${PROGRAM}_process_held_bytes`,
            "Bytes read that the other side has not taken yet, in all relays together.",
            () => only(heldBytes()),
          ),
          gauge(
            `${PROGRAM}_process_held_bytes_max`,
            "Bytes that may be held in all relays together.",
            () => only(memoryMax),
          ),
        ]),
    ...(connectionsMax === null
      ? []
      : [
          gauge(
            `${PROGRAM}_process_connections_max`,
            "Connections that may be open at once in all relays together.",
            () => only(connectionsMax),
          ),
        ]),
  ];
}

const PROCESS_GAUGES = [
  ["process_resident_memory_bytes", "Resident memory of the process.", "residentBytes"],
  ["process_start_time_seconds", "Start of the process since 1970.", "startTime"],
  ["process_open_fds", "Open descriptors.", "openFiles"],
  ["process_max_fds", "Descriptors that may be open.", "openFilesMax"],
] as const;

/**
 * Returns the standard metrics of Prometheus client libraries about the process, such as its CPU
 * time, under their standard names. A figure that the system does not report has no metric.
 */
export function metricsOfProcess(): readonly Metric[] {
  const usage = processUsage();
  const gauges = PROCESS_GAUGES.filter(([, , figure]) => usage[figure] !== null);
  return [
    counter("process_cpu_seconds_total", "CPU time of the process.", () => {
      const { cpuUserSeconds, cpuSystemSeconds } = processUsage();
      return only(cpuUserSeconds + cpuSystemSeconds);
    }),
    ...gauges.map(([name, help, figure]) =>
      gauge(name, help, () => only(processUsage()[figure] ?? 0)),
    ),
  ];
}
