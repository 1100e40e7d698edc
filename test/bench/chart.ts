import { OURS } from "./peers/index.ts";
import type { Report, DirectionTitles } from "./report.ts";
import type { RowResult } from "./results.ts";
import type { Row } from "./row.ts";

const LABELS = 230;
const PANEL = 220;
const GAP = 56;
const TOP = 92;
const LINE = 24;
const WIDTH = LABELS + 2 * (PANEL + GAP);
// Of the axis, which doubles from line to line; what lies beyond is drawn at its end.
const LEAST = 0.25;
const MOST = 16;

/** How a relay's mark looks; the colours can be told apart by everyone, and so can the shapes. */
const MARKS = [
  { color: "var(--own)", shape: `<circle r="6"/>` },
  { color: "#e69f00", shape: `<path d="M-4-4h8v8h-8z"/>` },
  { color: "#009e73", shape: `<path d="M0-5.5 5.5 0 0 5.5-5.5 0z"/>` },
  { color: "#cc79a7", shape: `<path d="M0-5 5 4H-5z"/>` },
  { color: "#8c8c8c", shape: `<path d="M0 5 5-4H-5z"/>` },
] as const;

const STYLE = `
:root{--ink:#1f2328;--dim:#59636e;--rule:#d1d9e0;--own:#0969da}
@media(prefers-color-scheme:dark){:root{--ink:#f0f6fc;--dim:#9198a1;--rule:#3d444d;--own:#4493f8}}
text{font:13px system-ui,sans-serif;fill:var(--ink)}
.h{font-size:15px;font-weight:600}.d{fill:var(--dim);font-size:12px}.o{fill:var(--own);font-weight:600}
.r{stroke:var(--rule)}.b{stroke:var(--dim)}`;

/**
 * Draws what each row is about, of every relay beside the best peer, as an SVG image that suits
 * light and dark pages.
 */
export function chart(report: Report, rows: readonly Row[], titles: DirectionTitles): string {
  const shown = rows.filter(
    ({ name, variants }) => variants === undefined && report.rows.some(({ row }) => row === name),
  );
  const names = [OURS, ...Object.keys(report.relays).filter((name) => name !== OURS)];
  const bottom = TOP + shown.length * LINE;
  const height = bottom + 40;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`,
    `<title>What each relay costs beside the best peer</title>`,
    `<style>${STYLE}</style>`,
    text(0, 18, "h", "Cost beside the best peer: left of 1 is less"),
    ...legend(names),
    ...shown.map((row, index) => label(row, index)),
    ...Object.entries(titles).flatMap(([direction, title], index) => {
      const results = shown.map(({ name }) =>
        report.rows.find((result) => result.row === name && result.direction === direction),
      );
      return panel(LABELS + index * (PANEL + GAP), bottom, title, shown, results, names);
    }),
    text(0, height - 6, "d", note(report)),
    "</svg>\n",
  ].join("\n");
}

function note({ machine, rounds }: Report): string {
  const processor = `${machine.processors} x ${machine.processor}`;
  return `Medians of ${rounds} rounds on ${processor}, Linux ${machine.kernel}, shared with the load.`;
}

function legend(names: readonly string[]): string[] {
  let x = 7;
  return names.map((name, index) => {
    const item = mark(index, x, 39) + text(x + 12, 43, index === 0 ? "o" : "", name);
    x += (index === 0 ? 46 : 34) + name.length * 7;
    return item;
  });
}

function label({ label: words, headline, figures }: Row, index: number): string {
  const unit = figures[headline]?.unit ?? "";
  const what = headline === "cpu" ? "CPU" : headline === "p99" ? "p99" : unit.split("/")[0];
  const y = lineAt(index) + 4;
  return text(0, y, "", words) + text(LABELS - 20, y, "d", what ?? "", "end");
}

function panel(
  left: number,
  bottom: number,
  title: string,
  rows: readonly Row[],
  results: readonly (RowResult | undefined)[],
  names: readonly string[],
): string[] {
  const parts = [text(left, TOP - 26, "h", title)];
  for (let tick = LEAST; tick <= MOST; tick *= 2) {
    const x = left + place(tick);
    parts.push(
      `<path class="${tick === 1 ? "b" : "r"}" d="M${x} ${TOP - 6}V${bottom}"/>`,
      text(x, TOP - 10, "d", tick < 1 ? `1/${1 / tick}` : `${tick}`, "middle"),
    );
  }
  rows.forEach(({ headline }, index) => {
    const y = lineAt(index);
    // Our own last, so that nothing covers it.
    for (const name of names.toReversed()) {
      const relay = results[index]?.relays.find((each) => each.relay === name);
      const ratio = relay?.figures[headline]?.ratio;
      if (ratio === undefined || ratio === null) continue;
      parts.push(mark(names.indexOf(name), left + place(ratio), y));
      if (name === OURS) parts.push(text(left + PANEL + 10, y + 4, "o", ratio.toFixed(2)));
    }
  });
  return parts;
}

function lineAt(index: number): number {
  return TOP + index * LINE + LINE / 2;
}

function place(ratio: number): number {
  const within = Math.min(MOST, Math.max(LEAST, ratio));
  return Math.round((PANEL * Math.log2(within / LEAST)) / Math.log2(MOST / LEAST));
}

function mark(index: number, x: number, y: number): string {
  const { color, shape } = MARKS[index % MARKS.length] ?? MARKS[0];
  return `<g transform="translate(${x} ${y})" fill="${color}">${shape}</g>`;
}

function text(x: number, y: number, style: string, words: string, anchor = "start"): string {
  const attributes = `${style && ` class="${style}"`}${anchor === "start" ? "" : ` text-anchor="${anchor}"`}`;
  return `<text x="${x}" y="${y}"${attributes}>${Bun.escapeHTML(words)}</text>`;
}
