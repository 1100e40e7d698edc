import type { WriteStream } from "node:tty";

/** The size of a terminal, in characters. */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/**
 * The size of a terminal. A terminal that does not know its size, as a serial line, tells 0; it
 * counts as 80 columns and 24 rows.
 */
export function terminalSize({
  columns,
  rows,
}: Pick<WriteStream, "columns" | "rows">): TerminalSize {
  return { columns: columns || 80, rows: rows || 24 };
}
