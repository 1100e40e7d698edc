import { style } from "../../observe/log/terminal-style.ts";
import { CONNECTION_COLUMNS_OF_RELAYS } from "./connection-columns.ts";
import { notesOf } from "./draw-relays.ts";
import { countLines, relayLines, trafficOf } from "./draw-status.ts";
import { paintLine, type Piece } from "./fit-columns.ts";
import { processLines, programLine } from "./process-lines.ts";
import type { ReadStatus } from "./check-status-answer.ts";
import { RELAY_COLUMNS } from "./relay-columns.ts";
import { plainTable } from "./draw-table.ts";
import { trafficLines } from "./traffic-lines.ts";

/**
 * The lines of a status in a form that programs can parse, the same for one relay and for several.
 * One space separates the words of a line. In a table, each relay or connection has one line (a
 * record). A record begins with the relay's name, one tab separates its fields, and its figures are
 * exact: bytes, bytes per second, seconds.
 */
export function plainStatus(status: ReadStatus): string[] {
  const { open } = status;
  const relays =
    open.of === "all" ? status.relays : status.relays.filter(({ name }) => name === status.relay);
  const look = style(false);
  const traffic = trafficOf(status);
  // If several relays are shown, only their notes follow the table of relays, because the traffic
  // and the counts in the status belong to only one of the relays.
  const details =
    open.of === "all"
      ? words(notesOf(relays, look))
      : words([
          ...relayLines(status, look),
          // The line of titles is left out, because plain lines have no aligned columns.
          ...trafficLines({ ...traffic, history: traffic.history.slice(-1) }, 0, look).slice(1),
          ...countLines(status, look),
        ]);
  return [
    ...words([programLine(status, look)]),
    ...plainTable(RELAY_COLUMNS, relays),
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
