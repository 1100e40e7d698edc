import { printAddress, type Endpoint } from "../../address/address.ts";
import type { ConnectionView, Observer, Stop } from "../../relay/observer.ts";
import { clientFields, clientName, UNKNOWN_CLIENT } from "../figures/client-name-and-fields.ts";
import { formatBytes, formatCount, formatDuration } from "../figures/print-figures.ts";
import type { Log, LogFields } from "./log.ts";
import { CLIENTS_MOST, RepeatedLines, type Repeats } from "./repeated-lines.ts";

// The least time between two warnings about the same limit. A busy relay reaches its limit of
// connections again and again, because connections end and begin all the time.
const FULL_PAUSE_MS = 60_000;

/** The maximum number of open connections, and the origin of this limit. */
export interface ConnectionLimit {
  readonly connectionsMax: number;
  /** True if `connectionsMax` follows from the limit of open files; false if an option sets it. */
  readonly isOfFiles: boolean;
}

/**
 * Logs the events of a relay: start, end and failures; at level "debug" also the events of each
 * connection.
 */
export function logObserver(
  log: Log,
  destination: Endpoint,
  limit: ConnectionLimit,
): Partial<Observer> {
  const repeated = new RepeatedLines();
  return {
    ...lifeObserver(log, destination, limit, repeated),
    ...refusalObserver(log, repeated),
    ...failureObserver(log, destination, repeated),
    ...faultObserver(log, repeated),
    ...(log.writes("debug") && courseObserver(log)),
  };
}

/**
 * Logs when a limit is reached that all relays of a process share, at most once a minute for each
 * limit. Give the same observer to all relays, because any of them may report the limit.
 *
 * @param memoryMax - the maximum number of bytes that all connections together may hold
 */
export function sharedLimitsLog(log: Log, memoryMax: number): Partial<Observer> {
  const saidFull = { shared: -Infinity, memory: -Infinity };
  return {
    full(open, limit) {
      const now = performance.now();
      if (limit === "own" || now - saidFull[limit] < FULL_PAUSE_MS) return;
      saidFull[limit] = now;
      if (limit === "memory") return warnOfMemory(log, memoryMax);
      log.warn(
        `${count(open, "connection")} open in all relays, the limit: further clients of every relay ` +
          "wait (connections-max at the top of the file)",
        { event: "full", limit: "all_relays", open },
      );
    },
  };
}

function warnOfMemory(log: Log, memoryMax: number): void {
  log.warn(
    `all connections together hold ${formatBytes(memoryMax)}, the limit: further clients wait; either ` +
      "readers are slow, or the limit is low (--memory-max)",
    { event: "full", limit: "memory", memory_max: memoryMax },
  );
}

/** Logs start, end, and conditions that an administrator should act on. */
function lifeObserver(
  log: Log,
  destination: Endpoint,
  { connectionsMax, isOfFiles }: ConnectionLimit,
  repeated: RepeatedLines,
): Partial<Observer> {
  const target = printAddress(destination);
  let saidFull = -Infinity;
  return {
    listening(endpoint) {
      const source = printAddress(endpoint);
      const why = isOfFiles ? " (limit of open files)" : "";
      const most = `${connectionsMax} at once at most${why}`;
      log.info(`listening on ${source}, relaying to ${target}, ${most}`, {
        event: "listening",
        source,
        destination: target,
        connections_max: connectionsMax,
      });
    },
    full(open, limit) {
      const now = performance.now();
      if (limit !== "own" || now - saidFull < FULL_PAUSE_MS) return;
      saidFull = now;
      log.warn(
        `${count(open, "connection")} open, the limit: further clients wait ` +
          (isOfFiles
            ? "(no more open files are allowed: LimitNOFILE=, ulimit -n)"
            : "(--connections-max)"),
        { event: "full", open },
      );
    },
    sourceLost(what) {
      const end =
        what === "file" ? "it is back or the relay is restarted" : "the relay is reloaded (HUP)";
      log.warn(`the source's ${what} is gone: nobody can connect until ${end}`, {
        event: "source_lost",
      });
    },
    sourceBack(what) {
      log.info(`the source's ${what} is back: clients can connect again`, {
        event: "source_back",
      });
    },
    captureEnded(path, reason) {
      log.warn(`the capture ${path} has ended: ${reason}`, { event: "capture_ended", path });
    },
    notice(message) {
      log.debug(message, { event: "notice" });
    },
    draining(open) {
      if (open === 0) return;
      log.info(`draining: waiting for ${count(open, "connection")} to end`, {
        event: "draining",
        open,
      });
    },
    stopped({ cause, cut }) {
      repeated.flush();
      log.info(stopWords(cause, cut), { event: "stopped", cause, cut });
    },
  };
}

/** Logs refused clients. */
function refusalObserver(log: Log, repeated: RepeatedLines): Partial<Observer> {
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
 * The beginning of the reasons under which `RepeatedLines` counts failures to reach the
 * destination.
 */
const UNREACHABLE = "unreachable ";

/** Logs failures to reach the destination, and the first success after them. */
function failureObserver(
  log: Log,
  destination: Endpoint,
  repeated: RepeatedLines,
): Partial<Observer> {
  const target = printAddress(destination);
  /** The failures since the destination was last reached; null if there are none. */
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
          // This line gives the total number of failures, so drop the counts of failures that are
          // not logged yet.
          repeated.forget(UNREACHABLE);
          log.info(
            `${target} is reached again after ${formatDuration(lasted / 1_000)}, ` +
              `${count(clients, "client")} failed`,
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

/** Logs unexpected errors: bugs of this program. */
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
function faultObserver(log: Log, repeated: RepeatedLines): Partial<Observer> {
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
  return `${count(times, "more time")} in ${formatDuration(milliseconds / 1_000)}`;
}

function repeatFields({ count: times, clients, milliseconds }: Repeats): LogFields {
  return { count: times, clients, count_ms: Math.round(milliseconds) };
}

function courseObserver(log: Log): Partial<Observer> {
  return {
    opened(connection) {
      const by = connection.clientAddress === "" ? "a Unix client" : connection.clientAddress;
      log.debug(`connection ${connection.id}: opened by ${by}`, {
        event: "opened",
        ...named(connection),
      });
    },
    connected(connection) {
      log.debug(`connection ${connection.id}: reached the destination`, {
        event: "connected",
        ...named(connection),
      });
    },
    halfClosed(connection, from) {
      log.debug(`connection ${connection.id}: the ${from} sent its end of stream`, {
        event: "half_closed",
        ...named(connection),
        from,
      });
    },
    closed(connection, ending) {
      const { bytesUp, bytesDown } = connection;
      const duration = Math.round(performance.now() - connection.openedAt);
      log.debug(
        `connection ${connection.id}: ${ending} after ${duration} ms, ` +
          `${count(bytesUp, "byte")} up, ${count(bytesDown, "byte")} down`,
        {
          event: "closed",
          ...named(connection),
          ending,
          bytes_up: bytesUp,
          bytes_down: bytesDown,
          duration_ms: duration,
        },
      );
    },
  };
}

function stopWords(cause: Stop["cause"], cut: number): string {
  if (cause === "idle") return "stopped: no client was connected (--exit-idle-time)";
  const stopped = cause === "handed over" ? "stopped after the handover" : "stopped";
  return cut === 0 ? stopped : `${stopped}: cut ${count(cut, "connection")} that had not ended`;
}

function named({ id, clientAddress }: ConnectionView): LogFields {
  return { connection: id, client: clientAddress };
}

function count(number: number, thing: string): string {
  return `${formatCount(number)} ${thing}${number === 1 ? "" : "s"}`;
}
