import { printAddress, type Endpoint } from "../../address/address.ts";
import type { ConnectionView, Observer, Stop } from "../../relay/observer.ts";
import { formatDuration, formatNumberOf } from "../figures/print-figures.ts";
import { LimitWarnings, RAISE_OPEN_FILES } from "./limit-warnings.ts";
import type { Log, LogFields } from "./log.ts";
import { failureObserver, faultObserver, refusalObserver } from "./refusals-and-failures-log.ts";
import { RepeatedLines } from "./hold-back-repeated-lines.ts";

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

/** Logs start, end, and conditions that an administrator should act on. */
function lifeObserver(
  log: Log,
  destination: Endpoint,
  { connectionsMax, isOfFiles }: ConnectionLimit,
  repeated: RepeatedLines,
): Partial<Observer> {
  const target = printAddress(destination);
  const full = new LimitWarnings((milliseconds) => {
    log.info(
      "clients are accepted again: the connections were at their limit for " +
        formatDuration(milliseconds / 1_000),
      {
        event: "accepting_again",
        limit: isOfFiles ? "open_files" : "connections",
        full_ms: Math.round(milliseconds),
      },
    );
  });
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
      if (limit !== "own" || !full.warnsNow()) return;
      log.warn(
        `${formatNumberOf(open, "connection")} open, the limit: further clients wait ` +
          `(${isOfFiles ? RAISE_OPEN_FILES : "--connections-max"})`,
        { event: "full", open, ...(isOfFiles && { limit: "open_files" }) },
      );
    },
    acceptingPaused(reason, change) {
      if (reason === "own") full.paused(change);
    },
    sourceLost(what) {
      const reload = "the relay is reloaded (HUP)";
      const end = what === "file" ? `it is back or ${reload}` : reload;
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
      full.cancel();
      if (open === 0) return;
      log.info(`draining: waiting for ${formatNumberOf(open, "connection")} to end`, {
        event: "draining",
        open,
      });
    },
    stopped({ cause, cut }) {
      repeated.flush();
      const fields = { event: "stopped", cause, cut };
      // After a handover that was not completed, the relay with this name goes on in the earlier
      // process. At the level `info`, this line would look like the stop of that relay.
      if (cause === "given back" && cut === 0) log.debug(stopWords(cause, cut), fields);
      else log.info(stopWords(cause, cut), fields);
    },
  };
}

/** Logs the events of each connection, for `--log-level=debug`. */
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
          `${formatNumberOf(bytesUp, "byte")} up, ${formatNumberOf(bytesDown, "byte")} down`,
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

const STOPPED: Readonly<Record<Exclude<Stop["cause"], "idle">, string>> = {
  asked: "stopped",
  "handed over": "stopped after the handover",
  "given back": "stopped in the new process, because the handover was not completed",
};

function stopWords(cause: Stop["cause"], cut: number): string {
  if (cause === "idle") return "stopped: no client was connected (--exit-idle-time)";
  const stopped = STOPPED[cause];
  return cut === 0
    ? stopped
    : `${stopped}: cut ${formatNumberOf(cut, "connection")} that had not ended`;
}

function named({ id, clientAddress }: ConnectionView): LogFields {
  return { connection: id, client: clientAddress };
}
