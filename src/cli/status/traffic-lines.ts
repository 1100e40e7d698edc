import { formatBytes, formatCount, formatRate } from "../../observe/figures/print-figures.ts";
import type { Style } from "../../observe/log/terminal-style.ts";
import type { Piece } from "./cut-to-terminal-width.ts";
import type { ReadStatus } from "./check-status-answer.ts";
import { sparkline } from "./sparkline.ts";

/** The traffic of one relay, or of all relays of a process together. */
export interface ShownTraffic {
  readonly traffic: ReadStatus["traffic"];
  readonly history: ReadStatus["history"];
  readonly open: number;
  /** The maximum number of open connections; null if there is no limit. */
  readonly max: number | null;
  readonly total: number;
  readonly failed: number;
}

/** A line of titles, then a line for each figure with its history as a sparkline. */
export function trafficLines(shown: ShownTraffic, columns: number, style: Style): Piece[][] {
  const { traffic, history, open, max, total, failed } = shown;
  const last = history.at(-1);
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
      formatCount(open),
      max === null ? "" : `of ${formatCount(max)}`,
      "",
      history.map((sample) => sample.open),
    ],
    [
      "new connections",
      `${formatCount(last?.accepted ?? 0)}/s`,
      formatCount(total),
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
