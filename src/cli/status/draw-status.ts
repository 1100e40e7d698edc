import { type Style, style } from "../../observe/log/terminal-style.ts";
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatRate,
} from "../../observe/figures/print-figures.ts";
import type { ReadConnection, ReadStatus } from "./read-status.ts";
import { sparkline } from "./sparkline.ts";
import { cutTo, paintLine, type Piece } from "./fit-columns.ts";

/** How to draw a status. */
export interface View {
  readonly columns: number;
  /** The number of lines that fit; absent if there is no limit. */
  readonly rows?: number;
  readonly style: Style;
  /** The previous status. CPU usage is the difference between the two. */
  readonly before?: ReadStatus;
}

/** A status as lines that fit a terminal. */
export function drawStatus(status: ReadStatus, view: View): string[] {
  const { columns, rows, style } = view;
  const head = [
    ...drawHeader(status, style),
    [],
    ...drawTraffic(status, columns, style),
    [],
    ...drawCounts(status, view),
  ];
  const room = rows === undefined ? Infinity : rows - head.length - 1;
  const table = room > 1 ? [[], ...drawTable(status, columns, room, style)] : [];
  return [...head, ...table].map((pieces) => paintLine(pieces, columns));
}

/**
 * A status for programs that read lines. One space separates words; one tab separates the columns
 * of the connection table.
 */
export function plainStatus(status: ReadStatus): string[] {
  const view: View = { columns: Infinity, style: style(false) };
  const head = [
    ...drawHeader(status, view.style),
    // Without the row of titles: plain lines have no aligned columns.
    ...drawTraffic({ ...status, history: status.history.slice(-1) }, 0, view.style).slice(1),
    ...drawCounts(status, view),
  ].map((pieces) => paintLine(pieces, Infinity).trim().replace(/ +/g, " "));
  const table = [
    COLUMNS.map(({ title }) => title.replace(" ", "")),
    ...status.open.list.map((connection) => COLUMNS.map(({ cell }) => cell(connection))),
  ].map((cells) => cells.join("\t"));
  return status.open.list.length === 0 ? [...head, "no open connections"] : [...head, ...table];
}

/** How many connections the table can show on a terminal with `rows` lines. */
export function tableRoom(rows: number): number {
  return Math.max(0, rows - 14);
}

function drawHeader(status: ReadStatus, style: Style): Piece[][] {
  const { program, version, pid, uptime_seconds: uptime } = status;
  const { source, destination, not_ready_because: reason } = status;
  const state: Piece =
    reason === null ? ["ready", style.green] : [`not ready: ${reason}`, style.red];
  return [
    [[program, style.bold], ` ${version}, up for ${formatDuration(uptime)}, process ${pid}`],
    [[`${source ?? "not listening"} → ${destination}`, style.cyan]],
    [state],
  ];
}

function drawTraffic(status: ReadStatus, columns: number, style: Style): Piece[][] {
  const { traffic, connections, history } = status;
  const last = history.at(-1);
  const failed = sumOf(connections.failed);
  const most = formatCount(connections.max);
  const rows: [name: string, now: string, all: string, held: string, line: number[]][] = [
    ["", "now", "in all", "held", []],
    [
      "from clients",
      formatRate(traffic.rate_up),
      formatBytes(traffic.bytes_up),
      formatBytes(traffic.held_up),
      history.map(({ rate_up: rate }) => rate),
    ],
    [
      "from destination",
      formatRate(traffic.rate_down),
      formatBytes(traffic.bytes_down),
      formatBytes(traffic.held_down),
      history.map(({ rate_down: rate }) => rate),
    ],
    [
      "open connections",
      formatCount(connections.open),
      `of ${most}`,
      "",
      history.map(({ open }) => open),
    ],
    [
      "new connections",
      `${formatCount(last?.accepted ?? 0)}/s`,
      formatCount(connections.total),
      "",
      history.map(({ accepted }) => accepted),
    ],
    [
      "failed",
      `${formatCount(last?.failed ?? 0)}/s`,
      formatCount(failed),
      "",
      history.map((sample) => sample.failed),
    ],
  ];
  return rows.map(([name, now, all, held, values], index) => {
    const cells = `${name.padEnd(16)} ${now.padStart(10)} ${all.padStart(10)} ${held.padStart(8)}  `;
    const width = Math.min(Math.max(history.length, 60), columns - cells.length);
    if (index === 0) return [[`${cells}the last ${Math.max(width, 0)} s`, style.dim]];
    const paint = name === "failed" && failed > 0 ? style.red : style.cyan;
    return [cells, [sparkline(values, width), paint]];
  });
}

function drawCounts(status: ReadStatus, { style, before }: View): Piece[][] {
  const { connections, last_failure: last, process: figures } = status;
  const lines: Piece[][] = [];
  const counted = (name: string, counts: Readonly<Record<string, number>>) => {
    const words = Object.entries(counts)
      .filter(([, count]) => count > 0)
      .sort(([, a], [, b]) => b - a)
      .map(([word, count]) => `${word} ${formatCount(count)}`);
    if (words.length > 0) lines.push([[name.padEnd(9), style.dim], words.join(", ")]);
  };
  counted("ended", connections.closed);
  counted("failed", connections.failed);
  counted("refused", connections.refused);
  if (last !== null) lines.push([["last".padEnd(9), style.dim], `${last.at} ${last.message}`]);
  const files =
    figures.open_files === null
      ? ""
      : `, ${formatCount(figures.open_files)} of ${formatCount(figures.open_files_max ?? Infinity)} descriptors`;
  const memory = formatBytes(figures.resident_memory_bytes);
  const late = `${(figures.event_loop_delay_seconds * 1_000).toFixed(1)} ms`;
  const lost = status.log_lines_dropped;
  lines.push([
    ["process".padEnd(9), style.dim],
    `CPU ${cpu(status, before)}, memory ${memory}${files}, event loop late by ${late}`,
    lost > 0 ? [`, ${formatCount(lost)} log lines lost`, style.red] : "",
  ]);
  return lines;
}

function cpu(status: ReadStatus, before: ReadStatus | undefined): string {
  const { cpu_seconds: used } = status.process;
  if (before === undefined || before.pid !== status.pid) return `${formatDuration(used)} in all`;
  const seconds = status.uptime_seconds - before.uptime_seconds;
  if (seconds <= 0) return formatDuration(used);
  return `${(((used - before.process.cpu_seconds) / seconds) * 100).toFixed(1)} %`;
}

interface Column {
  readonly title: string;
  readonly cell: (connection: ReadConnection) => string;
  readonly isText?: true;
}

// A narrow terminal shows fewer columns: the last column in this list is left out first.
const COLUMNS: readonly Column[] = [
  { title: "CLIENT", cell: clientCell, isText: true },
  { title: "STATE", cell: ({ state }) => state, isText: true },
  { title: "AGE", cell: ({ age_seconds: age }) => formatDuration(age) },
  { title: "RATE ↑", cell: ({ rate_up: rate }) => formatRate(rate) },
  { title: "RATE ↓", cell: ({ rate_down: rate }) => formatRate(rate) },
  { title: "HELD", cell: ({ held_up: up, held_down: down }) => formatBytes(up + down) },
  { title: "BYTES ↑", cell: ({ bytes_up: bytes }) => formatBytes(bytes) },
  { title: "BYTES ↓", cell: ({ bytes_down: bytes }) => formatBytes(bytes) },
];

function drawTable(
  { open, connections }: ReadStatus,
  columns: number,
  room: number,
  style: Style,
): Piece[][] {
  if (connections.open === 0) return [[["no open connections", style.dim]]];
  // The titles take one line. If some connections do not fit, `and N more` takes another.
  const isCut = connections.open > open.list.length || open.list.length + 1 > room;
  const list = open.list.slice(0, Math.max(0, room - (isCut ? 2 : 1)));
  // A cell takes at most half of the width, so that the figures have the other half.
  const laid = COLUMNS.map((column) => layOut(column, list, Math.max(30, columns >> 1)));
  while (laid.length > 1 && widthOf(laid) > columns) laid.pop();
  const lines = list.map((_, index): Piece[] => [laid.map((cells) => cells[index + 1]).join("  ")]);
  const titles: Piece = [laid.map((cells) => cells[0]).join("  "), style.bold];
  const rest = connections.open - list.length;
  const more: Piece[][] = isCut ? [[[`and ${formatCount(rest)} more`, style.dim]]] : [];
  return [[titles], ...lines, ...more];
}

/** A column's title and cells, padded to the same width, which is at most `most`. */
function layOut(column: Column, list: readonly ReadConnection[], most: number): string[] {
  const cells = [column.title, ...list.map((each) => cutTo(column.cell(each), most))];
  const width = Math.max(...cells.map((cell) => Bun.stringWidth(cell)));
  return cells.map((cell) => {
    const space = " ".repeat(width - Bun.stringWidth(cell));
    return column.isText ? cell + space : space + cell;
  });
}

function widthOf(columns: readonly (readonly string[])[]): number {
  return columns.reduce((sum, [title = ""]) => sum + Bun.stringWidth(title) + 2, -2);
}

function clientCell({ client, client_uid: uid, client_pid: pid }: ReadConnection): string {
  if (client !== "") return client;
  return uid === undefined ? "a client" : `user ${uid}, process ${pid}`;
}

function sumOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
