import { loaded } from "../../os/libc.ts";
import type { Ending } from "../observer.ts";
import { type Connection, isHalfClosed, isReached, type ConnectionsState } from "./connection.ts";
import { destroy } from "./settle-connection.ts";
import { IdleTimeout } from "./idle-timeout.ts";
import { UnresponsivePeers } from "./unresponsive-peers.ts";

/** The time limits for open connections, in milliseconds; undefined for no limit. */
export interface IdleTimes {
  /** A connection ends if no byte moves on it for this time after the destination was reached. */
  readonly idleTimeout?: number | undefined;
  /** A half-closed connection ends if no byte moves on it for this time. */
  readonly halfCloseTimeout?: number | undefined;
}

/**
 * Starts the periodic checks of a relay's open connections: whether bytes move on them, and whether
 * TCP peers have vanished. Each check runs until it is disposed.
 */
export function watchConnections(
  shared: ConnectionsState,
  { idleTimeout, halfCloseTimeout }: IdleTimes,
): readonly Disposable[] {
  return [
    limitIdleTime(shared, idleTimeout, "idle", isReached),
    limitIdleTime(shared, halfCloseTimeout, "half-closed", isHalfClosed),
    watchPeers(shared),
  ].filter((watch) => watch !== null);
}

function limitIdleTime(
  { connections }: ConnectionsState,
  after: number | undefined,
  ending: Ending,
  concerns: (connection: Connection) => boolean,
): Disposable | null {
  if (after === undefined) return null;
  const end = (connection: Connection) => destroy(connection, ending);
  return new IdleTimeout(connections, { after, concerns, end });
}

function watchPeers({
  connections,
  sourceIsTcp,
  target,
  keepalive,
}: ConnectionsState): Disposable | null {
  if (loaded.libc === null || keepalive === 0 || !(sourceIsTcp || target.isTcp)) return null;
  return new UnresponsivePeers(connections, loaded.libc, keepalive);
}
