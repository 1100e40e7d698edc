import { type Endpoint, printAddress } from "../../address/address.ts";
import type { ConnectionView, Observer } from "../../relay/observer.ts";
import { clientFields, clientName } from "../figures/client-name-and-fields.ts";
import type { Log } from "./log.ts";

/** Writes one line to the log for each connection, after the connection has ended. */
export function accessLog(log: Log, destination: Endpoint): Partial<Observer> {
  const target = printAddress(destination);
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
      const { id, openedAt, bytesUp, bytesDown, destinationAddress: reached } = connection;
      const code = codes.size === 0 ? undefined : codes.get(id);
      if (code !== undefined) codes.delete(id);
      const duration = Math.round(performance.now() - openedAt);
      const connect = connectTime(connection);
      const outcome = code === undefined ? ending : `${ending} (${code})`;
      const reaching = connect === null ? "" : `; ${reached} after ${connect} ms`;
      log.always(
        `${clientName(connection)} ${outcome} after ${duration} ms, ` +
          `${bytesUp} bytes up, ${bytesDown} down${reaching}; ${open} open`,
        () => ({
          event: "access",
          connection: id,
          ...clientFields(connection),
          destination: target,
          ...(connect !== null && { reached, connect_ms: connect }),
          ending,
          ...(code !== undefined && { code }),
          bytes_up: bytesUp,
          bytes_down: bytesDown,
          duration_ms: duration,
          open,
        }),
      );
    },
  };
}

/**
 * The time from the accept of the client to the connect to the destination, in milliseconds; null
 * if the destination was not reached.
 */
function connectTime({ openedAt, connectedAt }: ConnectionView): number | null {
  return connectedAt === null ? null : Math.round((connectedAt - openedAt) * 1_000) / 1_000;
}
