import { formatCount } from "../../observe/figures/print-figures.ts";
import type { Style } from "../../observe/log/terminal-style.ts";
import type { Piece } from "./cut-to-terminal-width.ts";
import { lineName } from "./process-lines.ts";

/** The parts of a relay's status that `noteLines` puts into words. */
export interface Noted {
  /** The relay's name in front of each line; null if the status shows only this relay. */
  readonly name: string | null;
  readonly waitingForHeader: number;
  readonly captureEnded: string | null;
  /** The reasons why the relay accepts no clients now; empty if it accepts clients. */
  readonly acceptingPaused: readonly string[];
}

/**
 * Returns a line with the number of proxies whose PROXY header the relay waits for, a line with the
 * reasons why new clients wait, and a line with the reason why the capture has ended. Each line is
 * left out if it would say nothing.
 */
export function noteLines(
  { name, waitingForHeader, captureEnded, acceptingPaused }: Noted,
  style: Style,
): Piece[][] {
  const prefix = name === null ? "" : `${name}: `;
  const lines: Piece[][] = [];
  if (waitingForHeader > 0)
    lines.push([
      lineName("waiting", style),
      `${prefix}${formatCount(waitingForHeader)} for the PROXY header; they count towards the limit`,
    ]);
  if (acceptingPaused.length > 0)
    lines.push([
      lineName("paused", style),
      [`${prefix}new clients wait: ${acceptingPaused.join(", ")}`, style.yellow],
    ]);
  if (captureEnded !== null)
    lines.push([lineName("capture", style), [`${prefix}ended: ${captureEnded}`, style.red]]);
  return lines;
}
