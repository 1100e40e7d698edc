import { ETIMEDOUT } from "../../os/errno.ts";
import type { Libc } from "../../os/libc.ts";
import { readTcpInfo, type TcpInfo } from "../../os/tcp-info.ts";
import type { Connection, ConnectionSide } from "./connection.ts";

// A side is ended late by at most two parts in so many of the time.
const LOOKS = 10;

// One segment or probe may just be on its way.
const UNANSWERED_LEAST = 2;

/** A side at a look. */
interface Sighting {
  /** `writtenTo` then. */
  readonly written: number;
  /** Whether the peer had acknowledged all of it. */
  readonly settled: boolean;
  /** The first look since which the peer owes an answer and gave none; null if it owes none. */
  readonly debt: Debt | null;
}

interface Debt {
  /** By `performance.now()`. */
  readonly since: number;
  /** `TcpInfo.retransmissions` then. */
  readonly retransmissions: number;
}

/**
 * Ends TCP sides whose peer vanished with bytes unacknowledged: a machine that lost its power, or a
 * network that fell apart. For an idle connection TCP keepalive does that, but it rests while bytes
 * are unacknowledged, and the kernel's own patience for those is a quarter of an hour (tcp(7),
 * tcp_retries2).
 *
 * The kernel has an option for this, TCP_USER_TIMEOUT. It would also end a connection whose peer is
 * there and only does not read (tcp(7): "or buffered data may remain untransmitted due to zero
 * window size"; seen on Linux 6.18), which a relay must bear for as long as it lasts. So the relay
 * looks itself whether a peer answers. A side whose peer has everything costs no system call.
 */
export class VanishedPeers implements Disposable {
  readonly #connections: ReadonlySet<Connection>;
  readonly #system: Libc;
  readonly #patience: number;
  readonly #seen = new WeakMap<ConnectionSide, Sighting>();
  readonly #timer: Timer;

  /** `patience`: milliseconds without an answer. */
  constructor(connections: ReadonlySet<Connection>, system: Libc, patience: number) {
    this.#connections = connections;
    this.#system = system;
    this.#patience = patience;
    this.#timer = setInterval(() => this.#look(), patience / LOOKS);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const now = performance.now();
    for (const { client, destination } of this.#connections) {
      if (client.isTcp) this.#lookAt(client, now);
      if (destination.isTcp) this.#lookAt(destination, now);
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
    side.terminate();
  }
}

/** The debt of a peer after a look, of which `debt` was the one before. */
function debtAfter(debt: Debt | null, info: TcpInfo, now: number): Debt | null {
  if (info.unacknowledged === 0 && info.probes === 0) return null;
  const isOld = debt !== null && info.sinceAnswer >= now - debt.since;
  return isOld ? debt : { since: now, retransmissions: info.retransmissions };
}

/** Changes whenever bytes or the end of stream are written to a side. */
function writtenTo({ outbound }: ConnectionSide): number {
  return outbound.bytesRead - outbound.pending + (outbound.state === "ended" ? 0.5 : 0);
}
