import { formatCount } from "../../observe/figures/print-figures.ts";
import type { Style } from "../../observe/log/terminal-style.ts";
import { cutTo, type Piece } from "./cut-to-terminal-width.ts";

/** A column of a table: its title, and the cell of each record. */
export interface Column<Item> {
  readonly title: string;
  readonly cell: (item: Item) => string;
  /** Whether the cells are figures, which are aligned to the right. Words stand on the left. */
  readonly isFigure: boolean;
}

/** A column of words, which is aligned to the left. */
export function words<Item>(title: string, cell: (item: Item) => string): Column<Item> {
  return { title, cell, isFigure: false };
}

/** A column of figures, which is aligned to the right. */
export function figures<Item>(
  title: string,
  figure: (item: Item) => number,
  format: (figure: number) => string,
): Column<Item> {
  return { title, cell: (item) => format(figure(item)), isFigure: true };
}

/** The room that a table has on the terminal. */
export interface Room {
  readonly columns: number;
  /** The number of lines, titles included. */
  readonly lines: number;
}

/**
 * A table as lines with aligned columns. A narrow terminal shows fewer columns: the last column is
 * left out first. If some records do not fit, the last line gives the number of the missing
 * records.
 *
 * @param total - the number of all records; `items` may contain only the first records
 */
export function drawTable<Item>(
  columns: readonly Column<Item>[],
  items: readonly Item[],
  total: number,
  room: Room,
  style: Style,
): Piece[][] {
  // The titles take one line. If records are left out, the note `and N more` takes a second line.
  const isCut = total > items.length || items.length + 1 > room.lines;
  const shown = items.slice(0, Math.max(0, room.lines - (isCut ? 2 : 1)));
  // The maximum width of a cell: half of the terminal's width, but at least 30 columns. So on a
  // wide terminal the other half is left for the other columns of the table.
  const most = Math.max(30, room.columns >> 1);
  const laid = columns.map((column) => layOut(column, shown, most));
  while (laid.length > 1 && widthOf(laid) > room.columns) laid.pop();
  const lines = shown.map((_, index): Piece[] => [joined(laid, index + 1)]);
  const more: Piece[][] = isCut
    ? [[[`and ${formatCount(total - shown.length)} more`, style.dim]]]
    : [];
  return [[[joined(laid, 0), style.bold]], ...lines, ...more];
}

/**
 * Returns a column's title and cells as texts of the same width. A cell wider than `most` is cut.
 */
function layOut<Item>(column: Column<Item>, items: readonly Item[], most: number): string[] {
  const cells = [column.title, ...items.map((item) => cutTo(column.cell(item), most))];
  const width = Math.max(...cells.map((cell) => Bun.stringWidth(cell)));
  return cells.map((cell) => {
    const space = " ".repeat(width - Bun.stringWidth(cell));
    return column.isFigure ? space + cell : cell + space;
  });
}

function joined(columns: readonly (readonly string[])[], line: number): string {
  return columns
    .map((cells) => cells[line])
    .join("  ")
    .trimEnd();
}

function widthOf(columns: readonly (readonly string[])[]): number {
  return columns.reduce((sum, [title = ""]) => sum + Bun.stringWidth(title) + 2, -2);
}
