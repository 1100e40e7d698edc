import type { Paint } from "../../observe/log/terminal-style.ts";

/** A piece of a line: a text, and the function that paints the text; a text alone stays plain. */
export type Piece = string | readonly [text: string, paint: Paint];

/** Joins the pieces to one line of at most `columns` columns and cuts off the rest. */
export function paintLine(pieces: readonly Piece[], columns: number): string {
  let room = columns;
  let line = "";
  for (const piece of pieces) {
    const [text, paint] = typeof piece === "string" ? [piece, plain] : piece;
    const cut = cutTo(text, room);
    room -= Bun.stringWidth(cut);
    if (cut !== "") line += paint(cut);
  }
  return line;
}

/** Cuts a text to at most `columns` columns. A text that was cut ends in `…`. */
export function cutTo(text: string, columns: number): string {
  if (Bun.stringWidth(text) <= columns) return text;
  let cut = "";
  let width = 0;
  for (const { segment } of new Intl.Segmenter("en").segment(text)) {
    width += Bun.stringWidth(segment);
    if (width > columns - 1) break;
    cut += segment;
  }
  return columns > 0 ? `${cut}…` : "";
}

function plain(text: string): string {
  return text;
}
