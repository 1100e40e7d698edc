import type { RelayResult, RowResult, Summary } from "./results.ts";
import type { Row, Shown } from "./row.ts";
import type { Figure } from "./samples.ts";

/** All that a run of the bench found: what is written as JSON. */
export interface Report {
  readonly date: string;
  readonly machine: {
    readonly processor: string;
    readonly processors: number;
    readonly kernel: string;
    /** Processes that ran or wanted to before the start, as a mean over a minute. */
    readonly load: number;
  };
  readonly rounds: number;
  readonly secondsALoad: number;
  /** The version of each relay, by name. */
  readonly relays: Readonly<Record<string, string>>;
  /** Relays and servers that this machine does not have. */
  readonly missing: readonly string[];
  readonly rows: readonly RowResult[];
}

/** Writes the report for people. */
export function table(report: Report, rows: readonly Row[], titles: DirectionTitles): string {
  return [
    heading(report),
    ...report.rows.map((result) => {
      const row = rows.find(({ name }) => name === result.row);
      return row === undefined ? "" : rowTable(row, result, titles);
    }),
  ].join("\n\n");
}

/** The titles of the directions, by name. */
export type DirectionTitles = Readonly<Record<string, string>>;

/** What the table cannot do without. */
function heading({ machine, rounds, secondsALoad, relays, missing }: Report): string {
  const versions = Object.entries(relays).map(([name, version]) => `${name} ${version}`);
  return [
    `${machine.processors} x ${machine.processor}, Linux ${machine.kernel}, load ${machine.load} at the start`,
    `medians of ${rounds} rounds, ${secondsALoad} s a load; x: to the best peer; ±: half of the range; n/m: ours was ahead in n of m rounds`,
    versions.join(", "),
    ...missing.map((name) => `missing: ${name}`),
  ].join("\n");
}

const NAME_WIDTH = 22;
const CELL_WIDTH = 30;

function rowTable(row: Row, result: RowResult, titles: DirectionTitles): string {
  const figures = Object.entries(row.figures) as [Figure, Shown][];
  const head = figures.map(([figure, { unit }]) =>
    unit === "us" || unit === "ms" ? `${figure} ${unit}` : unit,
  );
  const lines = result.relays.map((relay) => {
    const cells = figures.map(([figure, shown]) => cell(relay.figures[figure], shown));
    return line(relay.relay, cells) + levelLines(row, relay) + failure(relay);
  });
  return [
    `${row.title}: ${titles[result.direction] ?? result.direction}`,
    line("", head),
    ...lines,
  ].join("\n");
}

function line(name: string, cells: readonly string[]): string {
  return (
    name.padEnd(NAME_WIDTH) + cells.map((text) => text.padStart(CELL_WIDTH)).join("")
  ).trimEnd();
}

function cell(summary: Summary | undefined, { digits }: Shown): string {
  if (summary === undefined) return "-";
  const value = format(summary.median, digits);
  const ratio = summary.ratio === null ? "" : `x${format(summary.ratio, 2)}`;
  const range = `±${format(100 * summary.spread, 0)}%`;
  const { behind } = summary;
  const ahead = behind === null ? "" : `${behind.rounds}/${behind.of}`;
  return `${value} ${ratio.padStart(6)} ${range.padStart(5)} ${ahead.padStart(5)}`;
}

/** A line for each figure whose rounds lie around two levels. */
function levelLines({ levels = [], figures: shown }: Row, { figures }: RelayResult): string {
  return levels
    .flatMap((figure) => {
      const all = figures[figure]?.levels ?? [];
      if (all.length < 2) return [];
      const digits = shown[figure]?.digits ?? 0;
      const words = all.map(({ value, count }) => `${format(value, digits)} in ${count} rounds`);
      return [`\n  two levels of ${figure}: ${words.join(", ")}`];
    })
    .join("");
}

function failure({ failures, rounds }: RelayResult): string {
  if (failures.length === 0) return "";
  const failed = rounds.filter((sample) => sample === null).length;
  return `\n  no figure in ${failed} of ${rounds.length}: ${failures.join("; ")}`;
}

function format(value: number, digits: number): string {
  return value.toLocaleString("en", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}
