import type { Failure } from "../observer.ts";
import type { Connection } from "./connection.ts";
import { keepAliveWithoutFfi } from "./keepalive.ts";
import { readSparingly } from "./read-sparingly-at-memory-limit.ts";
import { destroy, settle } from "./settle-connection.ts";
import { sideClosed } from "./side-events.ts";

/**
 * Lets the bytes of a connection flow, because the destination was reached. The relay first sends
 * the preface, then the bytes that the client has sent meanwhile.
 */
export function reached(connection: Connection): void {
  const { shared, destination, up, preface } = connection;
  connection.attempt = null;
  destination.ready = true;
  // With FFI, `UnresponsivePeers` sets keepalive later.
  if (shared.libc === null) keepAliveWithoutFfi(destination, shared.keepalive);
  tellReached(connection);
  if (preface !== null) up.precede(preface);
  connection.preface = null;
  up.advance();
  if (shared.memory.isReached) readSparingly(connection);
  settle(connection);
}

/**
 * Reports the destination as reached, then ends the connection as reset by the destination. Called
 * if the destination accepted the connection and ended it at once, before the relay saw that the
 * socket was connected.
 */
export function reachedAndReset(connection: Connection): void {
  connection.attempt = null;
  tellReached(connection);
  sideClosed(connection.destination, "ECONNRESET");
}

/**
 * Reports that the destination was reached. The attempt has already stored the address of the
 * destination.
 */
function tellReached(connection: Connection): void {
  const { shared } = connection;
  connection.connectedAt = performance.now();
  shared.observer.connected(connection);
  if (!shared.isFailing) return;
  shared.isFailing = false;
  shared.observer.reachedAgain();
}

/**
 * Reports that the destination could not be reached, and closes the client's socket at once: a TCP
 * client sees a reset.
 */
export function unreachable(connection: Connection, failure: Failure): void {
  connection.attempt = null;
  connection.shared.isFailing = true;
  connection.shared.observer.unreachable(connection, failure);
  destroy(connection, "unreachable");
}
