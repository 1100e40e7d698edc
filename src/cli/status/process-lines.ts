import type { Style } from "../../observe/log/terminal-style.ts";
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatWorkers,
} from "../../observe/figures/print-figures.ts";
import type { Piece } from "./cut-to-terminal-width.ts";
import type { ReadStatus } from "./check-status-answer.ts";

/** The first line of a status: the program's name and version, and the process's uptime and id. */
export function programLine(status: ReadStatus, style: Style): Piece[] {
  const { program, version, pid, uptime_seconds: uptime } = status;
  return [[program, style.bold], ` ${version}, up for ${formatDuration(uptime)}, process ${pid}`];
}

/** The name at the beginning of a line of figures. All names are padded to the same width. */
export function lineName(name: string, style: Style): Piece {
  return [name.padEnd(9), style.dim];
}

/**
 * Lines about the process: its CPU time, workers, memory and descriptors, the delay of its event
 * loop, the number of lost log lines, and the number of connections that are still open in the
 * processes that this process replaced (handover).
 *
 * @param before - an earlier status, for the CPU usage since then; if it is undefined or of another
 *   process, the line shows the CPU time since the start of the process
 */
export function processLines(
  status: ReadStatus,
  before: ReadStatus | undefined,
  style: Style,
): Piece[][] {
  const { process: figures, log_lines_dropped: lost } = status;
  const files =
    figures.open_files === null
      ? ""
      : `, ${formatCount(figures.open_files)} of ${formatCount(figures.open_files_max ?? Infinity)} descriptors`;
  const held =
    figures.held_bytes_max === null
      ? ""
      : ` (holds ${formatBytes(figures.held_bytes)} of ${formatBytes(figures.held_bytes_max)})`;
  const memory = `${formatBytes(figures.resident_memory_bytes)}${held}`;
  const workers = formatWorkers(figures.workers, status.options["workers"]);
  const late = `${(figures.event_loop_delay_seconds * 1_000).toFixed(1)} ms`;
  const { earlier_connections: earlier } = figures;
  const words = `${formatCount(earlier)} more open connection${earlier === 1 ? "" : "s"} in earlier processes`;
  return [
    [
      lineName("process", style),
      `CPU ${cpu(status, before)}${workers && `, ${workers}`}, memory ${memory}${files}, event loop late by ${late}`,
      lost > 0 ? [`, ${formatCount(lost)} log lines lost`, style.red] : "",
    ],
    ...(earlier > 0 ? [[lineName("handover", style), words]] : []),
  ];
}

function cpu(status: ReadStatus, before: ReadStatus | undefined): string {
  const { cpu_seconds: used } = status.process;
  if (before === undefined || before.pid !== status.pid) return `${formatDuration(used)} in all`;
  const seconds = status.uptime_seconds - before.uptime_seconds;
  if (seconds <= 0) return formatDuration(used);
  return `${(((used - before.process.cpu_seconds) / seconds) * 100).toFixed(1)} %`;
}
