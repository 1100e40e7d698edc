import { style } from "../../observe/log/terminal-style.ts";
import { CONNECTION_COLUMNS_OF_RELAYS } from "./connection-columns.ts";
import { countLines, relayLines, trafficOf } from "./draw-status.ts";
import { paintLine, type Piece } from "./fit-columns.ts";
import { processLines, programLine } from "./process-lines.ts";
import type { ReadStatus } from "./check-status-answer.ts";
import { RELAY_COLUMNS } from "./relay-columns.ts";
import { plainTable } from "./draw-table.ts";
import { trafficLines } from "./traffic-lines.ts";

/**
 * The lines of a status in a form that programs can parse. One space separates the words of a line.
 * In a table, each relay or connection has one line (a record). A record begins with the relay's
 * name, and one tab separates its fields.
 */
export function plainStatus(status: ReadStatus): string[] {
  const { open, relays } = status;
  const look = style(false);
  const traffic = trafficOf(status);
  // If there are several relays, each relay has a record. The other details of the document
  // describe only one of the relays, so they are left out.
  const details =
    open.of === "all"
      ? plainTable(RELAY_COLUMNS, relays)
      : words([
          ...relayLines(status, look),
          // The line of titles is left out, because plain lines have no aligned columns.
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
