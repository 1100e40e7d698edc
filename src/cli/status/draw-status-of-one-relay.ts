import type { Style } from "../../observe/log/terminal-style.ts";
import { formatCount } from "../../observe/figures/print-figures.ts";
import { CONNECTION_COLUMNS } from "./connection-columns.ts";
import type { ReadStatus } from "./check-status-answer.ts";
import { paintLine, type Piece } from "./cut-to-terminal-width.ts";
import { lineName, processLines, programLine } from "./process-lines.ts";
import { noteLines } from "./note-lines.ts";
import { drawTable } from "./draw-table.ts";
import { type ShownTraffic, trafficLines } from "./traffic-lines.ts";
import type { DrawSettings } from "./drawing-settings.ts";

/** The status of one relay, as lines that fit a terminal. */
export function drawStatus(status: ReadStatus, view: DrawSettings): string[] {
  const { columns, rows, style, before } = view;
  const head = [
    programLine(status, style),
    ...relayLines(status, style),
    [],
    ...trafficLines(trafficOf(status), columns, style),
    [],
    ...countLines(status, style),
    ...processLines(status, before, style),
  ];
  const lines = (rows ?? Infinity) - head.length - 1;
  const table =
    status.connections.open === 0
      ? [[["no open connections", style.dim] as const]]
      : drawTable(
          CONNECTION_COLUMNS,
          status.open.list,
          status.connections.open,
          { columns, lines },
          style,
        );
  return [...head, ...(lines > 1 ? [[], ...table] : [])].map((pieces) =>
    paintLine(pieces, columns),
  );
}

/**
 * The greatest number of connections that the table of `drawStatus` can show on a terminal with
 * `rows` lines.
 */
export function tableRoom(rows: number): number {
  return Math.max(0, rows - 14);
}

/** The traffic of the relay that a status describes. */
function trafficOf({ traffic, history, connections }: ReadStatus): ShownTraffic {
  const { open, max, total, failed } = connections;
  return { traffic, history, open, max, total, failed: sumOf(failed) };
}

/** The first lines about a relay: its addresses, and whether the relay is ready. */
function relayLines(status: ReadStatus, style: Style): Piece[][] {
  const { source, destination, not_ready_because: reason } = status;
  const state: Piece =
    reason === null ? ["ready", style.green] : [`not ready: ${reason}`, style.red];
  return [[[`${source ?? "not listening"} → ${destination}`, style.cyan]], [state]];
}

/**
 * Returns up to three lines with a relay's counts: closed connections for each ending, failed
 * connections for each failure, and refused clients for each reason. Counts of 0 are left out, and
 * so is a line without counts. Further lines show the last failure, if there was one, and the notes
 * (`noteLines`).
 */
function countLines(status: ReadStatus, style: Style): Piece[][] {
  const { connections, last_failure: last } = status;
  const lines: Piece[][] = [];
  const counted = (name: string, counts: Readonly<Record<string, number>>) => {
    const words = Object.entries(counts)
      .filter(([, count]) => count > 0)
      .sort(([, a], [, b]) => b - a)
      .map(([word, count]) => `${word} ${formatCount(count)}`);
    if (words.length > 0) lines.push([lineName(name, style), words.join(", ")]);
  };
  counted("ended", connections.closed);
  counted("failed", connections.failed);
  counted("refused", connections.refused);
  if (last !== null) lines.push([lineName("last", style), `${last.at} ${last.message}`]);
  const { waiting_for_header: waitingForHeader } = connections;
  const { capture_ended: captureEnded, accepting_paused: acceptingPaused } = status;
  const noted = { name: null, waitingForHeader, captureEnded, acceptingPaused };
  return [...lines, ...noteLines(noted, style)];
}

function sumOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
