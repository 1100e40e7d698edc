import { formatCount } from "../../observe/figures/print-figures.ts";
import type { Style } from "../../observe/log/terminal-style.ts";
import type { Piece } from "./fit-columns.ts";
import { lineName } from "./process-lines.ts";

/** The parts of a relay's status for which the status shows a line of notes. */
export interface Noted {
  /** The relay's name in front of each line; null if the status shows only this relay. */
  readonly name: string | null;
  readonly waitingForHeader: number;
  readonly captureEnded: string | null;
}

/**
 * Returns a line with the number of proxies whose PROXY header the relay waits for, and a line with
 * the reason why the capture has ended. A line is left out if no proxy is waited for, or if the
 * capture has not ended.
 */
export function noteLines(
  { name, waitingForHeader, captureEnded }: Noted,
  style: Style,
): Piece[][] {
  const prefix = name === null ? "" : `${name}: `;
  const lines: Piece[][] = [];
  if (waitingForHeader > 0)
    lines.push([
      lineName("waiting", style),
      `${prefix}${formatCount(waitingForHeader)} for the PROXY header; they count towards the limit`,
    ]);
  if (captureEnded !== null)
    lines.push([lineName("capture", style), [`${prefix}ended: ${captureEnded}`, style.red]]);
  return lines;
}
