import { style } from "../../observe/log/terminal-style.ts";
import { CONNECTION_COLUMNS_OF_RELAYS } from "./connection-columns.ts";
import { countLines, relayLines, trafficOf } from "./draw-status.ts";
import { paintLine, type Piece } from "./fit-columns.ts";
import { processLines, programLine } from "./process-lines.ts";
import type { ReadStatus } from "./read-status.ts";
import { RELAY_COLUMNS } from "./relay-columns.ts";
import { plainTable } from "./table.ts";
import { trafficLines } from "./traffic-lines.ts";

/**
 * A status for programs that read lines. One space separates words. The records of the tables, one
 * for each relay and one for each connection, begin with the relay's name, and one tab separates
 * their fields.
 */
export function plainStatus(status: ReadStatus): string[] {
  const { open, relays } = status;
  const look = style(false);
  const traffic = trafficOf(status);
  // Several relays have a record each; the document's other lines are about only one of them.
  const details =
    open.of === "all"
      ? plainTable(RELAY_COLUMNS, relays)
      : words([
          ...relayLines(status, look),
          // Without the line of titles: plain lines have no aligned columns.
          ...trafficLines({ ...traffic, history: traffic.history.slice(-1) }, 0, look).slice(1),
          ...countLines(status, look),
        ]);
  return [
    ...words([programLine(status, look)]),
    ...details,
    ...words(processLines(status, undefined, look)),
    ...(open.list.length === 0
      ? ["no open connections"]
      : plainTable(CONNECTION_COLUMNS_OF_RELAYS, open.list)),
  ];
}

function words(lines: readonly Piece[][]): string[] {
  return lines.map((pieces) => paintLine(pieces, Infinity).trim().replace(/ +/g, " "));
}
