import { printAddress, type Endpoint } from "../../address/address.ts";
import type { Observer } from "../../relay/observer.ts";
import { clientFields, clientName, UNKNOWN_CLIENT } from "../figures/client-name-and-fields.ts";
import { formatCount, formatDuration, formatNumberOf } from "../figures/print-figures.ts";
import type { Log, LogFields } from "./log.ts";
import { CLIENTS_MOST, RepeatedLines, type Repeats } from "./hold-back-repeated-lines.ts";

/** Logs refused clients. */
export function refusalObserver(log: Log, repeated: RepeatedLines): Partial<Observer> {
  return {
    refused(client, reason) {
      repeated.add(
        `refused ${reason}`,
        clientKey(client),
        () => {
          log.warn(`refused ${client === "" ? UNKNOWN_CLIENT : client}: ${reason}`, {
            event: "refused",
            client,
            reason,
          });
        },
        (repeats) => {
          log.warn(`refused ${moreClients(repeats)}: ${reason}`, {
            event: "refused",
            reason,
            ...repeatFields(repeats),
          });
        },
      );
    },
  };
}

/**
 * The prefix of the names under which `RepeatedLines` counts failures to reach the destination. The
 * error code follows the prefix.
 */
const UNREACHABLE = "unreachable ";

/** Logs failures to reach the destination, and the first success after them. */
export function failureObserver(
  log: Log,
  destination: Endpoint,
  repeated: RepeatedLines,
): Partial<Observer> {
  const target = printAddress(destination);
  /** The failures since the relay last reached the destination; null if there are none. */
  let spell: { readonly since: number; clients: number } | null = null;
  return {
    unreachable(connection, { code, message }) {
      spell ??= { since: performance.now(), clients: 0 };
      spell.clients += 1;
      if (!log.writes("warn")) return;
      const fields = { event: "unreachable", destination: target, code };
      repeated.add(
        UNREACHABLE + code,
        clientKey(connection.clientAddress) || `user ${connection.clientPeer?.uid}`,
        () => {
          const client = clientName(connection);
          log.warn(client === UNKNOWN_CLIENT ? message : `${message}, for ${client}`, {
            ...fields,
            connection: connection.id,
            ...clientFields(connection),
          });
        },
        (repeats) => {
          log.warn(`${message}, for ${moreClients(repeats)}`, {
            ...fields,
            ...repeatFields(repeats),
          });
        },
      );
    },
    reachedAgain() {
      if (spell === null) return;
      const { since, clients } = spell;
      spell = null;
      const lasted = performance.now() - since;
      const event = "reached_again";
      repeated.add(
        event,
        "",
        () => {
          // The log line below contains the total number of failures. So drop the failures that
          // `repeated` has counted and not logged yet, unless the log hides the line.
          if (log.writes("info")) repeated.forget(UNREACHABLE);
          log.info(
            `${target} is reached again after ${formatDuration(lasted / 1_000)}, ` +
              `${formatNumberOf(clients, "client")} failed`,
            { event, destination: target, failed: clients, failed_ms: Math.round(lasted) },
          );
        },
        (repeats) => {
          log.info(`${target} is reached again, ${moreTimes(repeats)}`, {
            event,
            destination: target,
            ...repeatFields(repeats),
          });
        },
      );
    },
  };
}

/**
 * Returns a function that logs unexpected errors: bugs of this program, or failures of the system.
 */
export function faultLog(log: Log, repeated = new RepeatedLines()): (error: unknown) => void {
  const fields = { event: "fault" };
  return (error) => {
    const message = error instanceof Error ? error.message : String(error);
    repeated.add(
      fields.event,
      "",
      () => log.error(`unexpected: ${message}`, fields),
      (repeats) => {
        log.error(`unexpected, ${moreTimes(repeats)}; the first of them: ${message}`, {
          ...fields,
          ...repeatFields(repeats),
        });
      },
    );
    if (error instanceof Error && error.stack !== undefined)
      log.debug(error.stack, { event: "fault_stack" });
  };
}

/** Logs unexpected errors and warnings. */
export function faultObserver(log: Log, repeated: RepeatedLines): Partial<Observer> {
  return {
    fault: faultLog(log, repeated),
    warning(message) {
      const fields = { event: "warning" };
      repeated.add(
        `warning ${message}`,
        "",
        () => log.warn(message, fields),
        (repeats) => {
          log.warn(`${message} (${moreTimes(repeats)})`, { ...fields, ...repeatFields(repeats) });
        },
      );
    },
  };
}

/** The key that tells clients apart: the address without the port, or the Unix user. */
function clientKey(client: string): string {
  return client.replace(/:\d+$|, .*$/, "");
}

function moreClients({ count: times, clients, milliseconds }: Repeats): string {
  const different =
    clients < CLIENTS_MOST ? formatCount(clients) : `${formatCount(clients)} or more`;
  return (
    `${formatCount(times)} more client${times === 1 ? "" : "s"} in ` +
    `${formatDuration(milliseconds / 1_000)} (${different} different)`
  );
}

function moreTimes({ count: times, milliseconds }: Repeats): string {
  return `${formatNumberOf(times, "more time")} in ${formatDuration(milliseconds / 1_000)}`;
}

function repeatFields({ count: times, clients, milliseconds }: Repeats): LogFields {
  return { count: times, clients, count_ms: Math.round(milliseconds) };
}
