import { readFileSync } from "node:fs";
import { join } from "node:path";

/** A cell of a table of transitions: a state, an event, and the state that follows. */
export interface Cell {
  readonly state: string;
  readonly event: string;
  /** `""` if the event cannot happen in the state. */
  readonly after: string;
}

/** The cells of the one table in the docstrings of a file of `src`, without their backticks. */
export function docstringTable(file: string): Cell[] {
  const rows = readFileSync(join(import.meta.dir, "../../src", file), "utf8")
    .split("\n")
    .filter((line) => line.startsWith(" * |"))
    .map((line) => line.split("|").slice(1, -1))
    .map((cells) => cells.map((cell) => cell.trim().replaceAll("`", "")));
  const [[, ...events] = [], , ...states] = rows;
  return states.flatMap(([state = "", ...cells]) =>
    cells.map((after, index) => ({ state, event: events[index] ?? "", after })),
  );
}
