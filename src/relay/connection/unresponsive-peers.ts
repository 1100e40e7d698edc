import { ETIMEDOUT } from "../../os/errno.ts";
import type { Libc } from "../../os/libc.ts";
import { readTcpInfo, type TcpInfo } from "../../os/tcp-info.ts";
import type { ConnectionList } from "./connection-list.ts";
import type { Connection, ConnectionSide } from "./connection.ts";
import { keepaliveLength, setKeepalive } from "./keepalive.ts";
import { keepUnreadBytes } from "./side-events.ts";

// The number of checks of each side within the time limit, so the interval between two checks is a
// tenth of the limit. A check may notice up to one interval late that an answer is missing, and a
// later check may notice up to one interval late that the limit is exceeded. So the relay ends a
// side at most two intervals late.
const LOOKS = 10;

// A peer counts as vanished only if at least this many retransmissions or probes in a row got no
// answer, because the answer to a single one may still be on its way.
const UNANSWERED_LEAST = 2;

/** The facts that the latest check found out about a side. */
interface Sighting {
  /** The result of `writtenTo` at this check. */
  readonly written: number;
  /** Whether the peer had acknowledged all bytes that were written to it. */
  readonly settled: boolean;
  /** The answer that the peer owed at this check; null if it owed none. */
  readonly debt: Debt | null;
}

/** An answer that a peer owes: the acknowledgement of bytes, or the answer to a probe. */
interface Debt {
  /** The time of the first check that found the answer missing, by `performance.now()`. */
  readonly since: number;
  /** The value of `TcpInfo.retransmissions` at the first check that found the answer missing. */
  readonly retransmissions: number;
}

/**
 * Ends a TCP side if its peer vanished, for example because the peer's machine lost power or the
 * network is broken.
 *
 * On an idle connection, TCP keepalive finds such a peer. Accepted sockets inherit keepalive from
 * the listening socket. On the destination's socket, this class sets keepalive at its first look at
 * the connection. The first look comes before the first keepalive probe is due. Most connections
 * end before the first look, so they need no system call.
 *
 * Keepalive does not find a peer that vanished while bytes are unacknowledged: keepalive does not
 * run then, and the kernel waits a quarter of an hour for the acknowledgement (tcp(7),
 * tcp_retries2).
 *
 * The kernel's option for this case, TCP_USER_TIMEOUT, is not usable here. It also ends a
 * connection whose peer is alive but does not read at the moment (tcp(7): "buffered data may remain
 * untransmitted due to zero window size"; seen on Linux 6.18). A relay must wait for such a peer
 * without a time limit. So this class looks at each side periodically: it asks the kernel whether
 * the peer answers. It makes no system call for a side whose peer had acknowledged everything at an
 * earlier check, if nothing was written to the side since then.
 */
export class UnresponsivePeers implements Disposable {
  readonly #connections: ConnectionList<Connection>;
  readonly #system: Libc;
  readonly #keepalive: number;
  /** The time for which an answer of a peer may be missing, in milliseconds. */
  readonly #patience: number;
  readonly #seen = new WeakMap<ConnectionSide, Sighting>();
  readonly #timer: Timer;

  /** @param keepalive - the idle time before the first probe, in milliseconds; above 0 */
  constructor(connections: ConnectionList<Connection>, system: Libc, keepalive: number) {
    this.#connections = connections;
    this.#system = system;
    this.#keepalive = keepalive;
    this.#patience = keepaliveLength(keepalive);
    this.#timer = setInterval(() => this.#look(), this.#patience / LOOKS);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const now = performance.now();
    for (const { client, destination } of this.#connections) {
      if (client.isTcp) this.#lookAt(client, now);
      if (!destination.isTcp) continue;
      if (destination.ready && !this.#seen.has(destination))
        setKeepalive(destination.fd, this.#keepalive);
      this.#lookAt(destination, now);
    }
  }

  #lookAt(side: ConnectionSide, now: number): void {
    if (!side.ready) return;
    const written = writtenTo(side);
    const seen = this.#seen.get(side);
    if (seen?.settled === true && seen.written === written) return;
    const info = readTcpInfo(this.#system, side.fd);
    if (info === null) return;
    const settled = info.unacknowledged === 0 && info.waiting === 0;
    const debt = debtAfter(seen?.debt ?? null, info, now);
    this.#seen.set(side, { written, settled, debt });
    if (debt === null || now - debt.since < this.#patience) return;
    const retransmissions = info.retransmissions - debt.retransmissions;
    if (retransmissions < UNANSWERED_LEAST && info.probes < UNANSWERED_LEAST) return;
    side.failed(ETIMEDOUT);
    // The peer may believe that its bytes have arrived, because this machine has acknowledged them.
    keepUnreadBytes(side);
    side.terminate();
  }
}

/**
 * Returns the answer that a peer owes at this check; null if it owes none. `debt` is the result of
 * the check before.
 */
function debtAfter(debt: Debt | null, info: TcpInfo, now: number): Debt | null {
  if (info.unacknowledged === 0 && info.probes === 0) return null;
  const isOld = debt !== null && info.sinceAnswer >= now - debt.since;
  return isOld ? debt : { since: now, retransmissions: info.retransmissions };
}

/** Returns a number that changes whenever bytes or the end of stream are written to a side. */
function writtenTo({ outbound }: ConnectionSide): number {
  return outbound.bytesRead - outbound.pending + (outbound.state === "ended" ? 0.5 : 0);
}
