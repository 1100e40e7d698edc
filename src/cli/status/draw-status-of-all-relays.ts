import type { Style } from "../../observe/log/terminal-style.ts";
import { CONNECTION_COLUMNS_OF_RELAYS } from "./connection-columns.ts";
import { paintLine, type Piece } from "./cut-to-terminal-width.ts";
import { noteLines } from "./note-lines.ts";
import { lineName, processLines, programLine } from "./process-lines.ts";
import type { ReadStatus, ReadSummary } from "./check-status-answer.ts";
import { RELAY_COLUMNS } from "./relay-columns.ts";
import { drawTable } from "./draw-table.ts";
import { type ShownTraffic, trafficLines } from "./traffic-lines.ts";
import type { DrawSettings } from "./drawing-settings.ts";

// The traffic is shown only on a terminal with at least this number of lines. On a smaller terminal
// the tables need the room.
const ROWS_FOR_TRAFFIC = 20;

// The maximum fraction of the free lines that the table of relays may take. The free lines are the
// lines below the process's figures and the notes. The table of connections gets the other lines.
const RELAYS_PART = 0.6;

// The maximum number of lines with the reasons why relays are not ready, and with the relays'
// notes.
const NOTES_MOST = 3;

/**
 * The status of a process with several relays, as lines that fit a terminal: a line for each relay,
 * then the open connections of all relays. Relays that are not ready come first, with their
 * reasons.
 */
export function drawRelays(status: ReadStatus, view: DrawSettings): string[] {
  const { columns, rows = Infinity, style, before } = view;
  const { relays, open, process: figures } = status;
  const unready = relays.filter(({ ready }) => !ready);
  const head = [
    programLine(status, style),
    stateLine(status, unready, style),
    ...(rows < ROWS_FOR_TRAFFIC
      ? []
      : [[], ...trafficLines(trafficOfAll(status), columns, style), []]),
    ...processLines(status, before, style),
  ];
  const room = rows - head.length;
  const notes = [...unready.map(reasonLine(style)), ...notesOf(relays, style)];
  const shownNotes = notes.slice(0, Math.max(0, Math.min(NOTES_MOST, room - 8)));
  const left = room - shownNotes.length;
  const sorted = [...unready, ...relays.filter(({ ready }) => ready)];
  // The table has one line of titles (+ 1), and an empty line stands before the table (- 1).
  const relayLines = Math.min(sorted.length + 1, Math.max(2, Math.floor(left * RELAYS_PART) - 1));
  const relayTable = drawTable(
    RELAY_COLUMNS,
    sorted,
    sorted.length,
    { columns, lines: relayLines },
    style,
  );
  const connectionLines = left - relayTable.length - 2;
  const lines = [...head, ...shownNotes, [], ...relayTable];
  if (connectionLines > 1)
    lines.push(
      [],
      ...(figures.connections_open === 0
        ? [[["no open connections", style.dim] as const]]
        : drawTable(
            CONNECTION_COLUMNS_OF_RELAYS,
            open.list,
            figures.connections_open,
            { columns, lines: connectionLines },
            style,
          )),
    );
  return lines.map((pieces) => paintLine(pieces, columns));
}

function trafficOfAll({
  all,
  relays,
  traffic,
  history,
  process: figures,
}: ReadStatus): ShownTraffic {
  return {
    traffic: all?.traffic ?? traffic,
    history: all?.history ?? history,
    open: figures.connections_open,
    max: figures.connections_max,
    total: relays.reduce((sum, { total }) => sum + total, 0),
    failed: relays.reduce((sum, { failed }) => sum + failed, 0),
  };
}

function stateLine({ relays }: ReadStatus, unready: readonly ReadSummary[], style: Style): Piece[] {
  const state: Piece =
    unready.length === 0
      ? ["all ready", style.green]
      : [`not ready: ${unready.map(({ name }) => name).join(", ")}`, style.red];
  return [`${relays.length} relays, `, state];
}

/** The notes of all relays (`noteLines`), with the relay's name in each line. */
function notesOf(relays: readonly ReadSummary[], style: Style): Piece[][] {
  return relays.flatMap(
    ({
      name,
      waiting_for_header: waitingForHeader,
      capture_ended: captureEnded,
      accepting_paused: acceptingPaused,
    }) => noteLines({ name, waitingForHeader, captureEnded, acceptingPaused }, style),
  );
}

function reasonLine(style: Style) {
  return ({ name, not_ready_because: reason }: ReadSummary): Piece[] => [
    lineName("not ready", style),
    ` ${name}: ${reason ?? "the relay gives no reason"}`,
  ];
}
