import { printAddress, type Endpoint } from "../../address/address.ts";
import type { ConnectionView, Observer, Stop } from "../../relay/observer.ts";
import { clientFields, clientName } from "../figures/client-fields.ts";
import type { Log, LogFields } from "./log.ts";

// At the limit, places are taken and given up all the time.
const FULL_PAUSE_MS = 60_000;

/**
 * Writes what happens in a relay to a log: that it listens, failures and its end for everybody, a
 * connection's own course at debug. `connectionsMax` is how many may be open at once.
 */
export function logObserver(
  log: Log,
  destination: Endpoint,
  connectionsMax: number,
): Partial<Observer> {
  const target = printAddress(destination);
  let saidFull = -Infinity;
  return {
    listening(endpoint) {
      const source = printAddress(endpoint);
      log.info(`listening on ${source}, relaying to ${target}, ${connectionsMax} at once at most`, {
        event: "listening",
        source,
        destination: target,
        connections_max: connectionsMax,
      });
    },
    refused(client, reason) {
      log.warn(`refused ${client === "" ? "a client" : client}: ${reason}`, {
        event: "refused",
        client,
        reason,
      });
    },
    unreachable(connection, { code, message }) {
      // Who the client is, the kernel is asked only for a line that is written.
      if (!log.writes("warn")) return;
      const { id, clientAddress, clientPeer } = connection;
      const isKnown = clientAddress !== "" || clientPeer !== null;
      log.warn(isKnown ? `${message}, for ${clientName(connection)}` : message, {
        event: "unreachable",
        connection: id,
        ...clientFields(connection),
        destination: target,
        code,
      });
    },
    full(open) {
      const now = performance.now();
      if (now - saidFull < FULL_PAUSE_MS) return;
      saidFull = now;
      log.warn(
        `${count(open, "connection")} open, the limit: further clients wait (--connections-max)`,
        { event: "full", open },
      );
    },
    sourceLost() {
      log.warn(
        "the source's file is gone: nobody can connect until it is back or the relay is restarted",
        { event: "source_lost" },
      );
    },
    sourceBack() {
      log.info("the source's file is back: clients can connect again", { event: "source_back" });
    },
    draining(open) {
      if (open === 0) return;
      log.info(`draining: waiting for ${count(open, "connection")} to end`, {
        event: "draining",
        open,
      });
    },
    stopped({ cause, cut }) {
      log.info(stopWords(cause, cut), { event: "stopped", cause, cut });
    },
    fault(error) {
      log.error(`unexpected: ${error instanceof Error ? error.message : String(error)}`, {
        event: "fault",
      });
      if (error instanceof Error && error.stack !== undefined)
        log.debug(error.stack, { event: "fault_stack" });
    },
    warning(message) {
      log.warn(message, { event: "warning" });
    },
    notice(message) {
      log.debug(message, { event: "notice" });
    },
    ...(log.writes("debug") && courseObserver(log)),
  };
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
  return `${number} ${thing}${number === 1 ? "" : "s"}`;
}
