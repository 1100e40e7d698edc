import { type Endpoint, printAddress } from "../../address/address.ts";
import type { Observer } from "../../relay/observer.ts";
import { clientFields, clientName } from "../figures/client-fields.ts";
import type { Log } from "./log.ts";

/** Writes one line a connection to the log, when it is over. */
export function accessLog(log: Log, destination: Endpoint): Partial<Observer> {
  const target = printAddress(destination);
  // Why a destination could not be reached is known before its connection is over.
  const codes = new Map<number, string>();
  return {
    opened(connection) {
      // Only now can it be asked.
      void connection.clientAddress;
      void connection.clientPeer;
    },
    unreachable({ id }, { code }) {
      codes.set(id, code);
    },
    closed(connection, ending) {
      const { id, openedAt, bytesUp, bytesDown } = connection;
      const code = codes.get(id);
      codes.delete(id);
      const duration = Math.round(performance.now() - openedAt);
      log.always(
        `${clientName(connection)} ${ending}${code === undefined ? "" : ` (${code})`} ` +
          `after ${duration} ms, ${bytesUp} bytes up, ${bytesDown} down`,
        {
          event: "access",
          connection: id,
          ...clientFields(connection),
          destination: target,
          ending,
          ...(code !== undefined && { code }),
          bytes_up: bytesUp,
          bytes_down: bytesDown,
          duration_ms: duration,
        },
      );
    },
  };
}
