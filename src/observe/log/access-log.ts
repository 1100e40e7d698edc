import { type Endpoint, printAddress } from "../../address/address.ts";
import type { ConnectionView, Ending, Observer } from "../../relay/observer.ts";
import { clientFields, UNKNOWN_CLIENT } from "../figures/client-name-and-fields.ts";
import type { LineKind, Log } from "./log.ts";
import type { TextBuffer } from "./text-buffer.ts";

/** The facts in a line about a connection that has ended. */
interface EndedConnection {
  connection: ConnectionView;
  ending: Ending;
  /** The code of the failure to reach the destination; undefined if there was no such failure. */
  code: string | undefined;
  /** The number of connections that are still open. */
  open: number;
  /** The time from the accept of the client to the end, in whole milliseconds. */
  duration: number;
}

/** Writes one line to the log for each connection, after the connection has ended. */
export function accessLog(log: Log, destination: Endpoint): Partial<Observer> {
  const kind = lineKind(printAddress(destination));
  let open = 0;
  // The failure code of each open connection that could not reach the destination, by connection
  // id. The code arrives before the connection ends.
  const codes = new Map<number, string>();
  return {
    opened(connection) {
      open += 1;
      // Read the client's address and user now, because the kernel forgets both when the socket is
      // closed.
      void connection.clientAddress;
      void connection.clientPeer;
    },
    unreachable({ id }, { code }) {
      codes.set(id, code);
    },
    closed(connection, ending) {
      open -= 1;
      const code = codes.size === 0 ? undefined : codes.get(connection.id);
      if (code !== undefined) codes.delete(connection.id);
      const duration = Math.round(performance.now() - connection.openedAt);
      log.always({ connection, ending, code, open, duration }, kind);
    },
  };
}

/** @param destination - the destination that the user configured */
function lineKind(destination: string): LineKind<EndedConnection> {
  return {
    append: appendLine,
    fields({ connection, ending, code, open, duration }) {
      const connect = connectMicroseconds(connection);
      return {
        event: "access",
        connection: connection.id,
        ...clientFields(connection),
        destination,
        ...(connect !== null && {
          reached: connection.destinationAddress,
          connect_ms: connect / 1_000,
        }),
        ending,
        ...(code !== undefined && { code }),
        bytes_up: connection.bytesUp,
        bytes_down: connection.bytesDown,
        duration_ms: duration,
        open,
      };
    },
  };
}

function appendLine(text: TextBuffer, facts: EndedConnection): void {
  const { connection, ending, code, open, duration } = facts;
  appendClient(text, connection);
  text.append(" ");
  text.append(ending);
  if (code !== undefined) {
    text.append(" (");
    text.append(code);
    text.append(")");
  }
  text.append(" after ");
  text.appendWhole(duration);
  text.append(" ms, ");
  text.appendWhole(connection.bytesUp);
  text.append(" bytes up, ");
  text.appendWhole(connection.bytesDown);
  text.append(" down");
  const connect = connectMicroseconds(connection);
  if (connect !== null) {
    text.append("; ");
    text.append(connection.destinationAddress);
    text.append(" after ");
    appendMilliseconds(text, connect);
    text.append(" ms");
  }
  text.append("; ");
  text.appendWhole(open);
  text.append(" open");
}

/** Appends the same text as `clientName` returns. */
function appendClient(text: TextBuffer, { clientAddress, clientPeer }: ConnectionView): void {
  if (clientAddress !== "") return text.append(clientAddress);
  if (clientPeer === null) return text.append(UNKNOWN_CLIENT);
  text.append("user ");
  text.appendWhole(clientPeer.uid);
  text.append(", process ");
  text.appendWhole(clientPeer.pid);
}

/** Appends a time in milliseconds, such as `2.5` or `12.034`. `microseconds` is a whole number. */
function appendMilliseconds(text: TextBuffer, microseconds: number): void {
  text.appendWhole(microseconds / 1_000);
  let fraction = microseconds % 1_000;
  if (fraction === 0) return;
  let digits = 3;
  for (; fraction % 10 === 0; fraction /= 10) digits -= 1;
  text.append(".");
  text.appendDigits(fraction, digits);
}

/**
 * The time from the accept of the client to the connect to the destination, in microseconds; null
 * if the destination was not reached.
 */
function connectMicroseconds({ openedAt, connectedAt }: ConnectionView): number | null {
  return connectedAt === null ? null : Math.round((connectedAt - openedAt) * 1_000);
}
