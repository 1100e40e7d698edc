import { ETIMEDOUT } from "../../os/errno.ts";
import type { Libc } from "../../os/libc.ts";
import { readTcpInfo, type TcpInfo } from "../../os/tcp-info.ts";
import type { Connection, ConnectionSide } from "./connection.ts";

// Looks within the time limit. A side is ended late by at most the time between three looks.
const LOOKS = 10;

// A single segment or probe without an answer may still be on its way.
const UNANSWERED_LEAST = 2;

/** What was seen of a side at the last look. */
interface Sighting {
  /** `writtenTo` at that look. */
  readonly written: number;
  /** Whether the peer had acknowledged everything. */
  readonly settled: boolean;
  /** Non-null exactly while the peer owes an answer. */
  readonly debt: Debt | null;
}

/** An answer that a peer owes. */
interface Debt {
  /** The first look at which it owed the answer, by `performance.now()`. */
  readonly since: number;
  /** `TcpInfo.retransmissions` at that look. */
  readonly retransmissions: number;
}

/**
 * Ends TCP sides whose peer vanished while bytes for it are unacknowledged: its machine lost power, or
 * the network between broke. TCP keepalive finds such peers on idle connections only. It does not run
 * while bytes are unacknowledged, and for those the kernel waits a quarter of an hour (tcp(7),
 * tcp_retries2).
 *
 * The kernel's option for this, TCP_USER_TIMEOUT, is of no use here. It also ends a connection whose
 * peer is alive and only does not read (tcp(7): "buffered data may remain untransmitted due to zero
 * window size"; seen on Linux 6.18), and a relay must bear such a peer for as long as it likes. So the
 * relay asks the kernel from time to time whether peers answer. A side whose peer has acknowledged
 * everything costs no system call.
 */
export class VanishedPeers implements Disposable {
  readonly #connections: ReadonlySet<Connection>;
  readonly #system: Libc;
  readonly #patience: number;
  readonly #seen = new WeakMap<ConnectionSide, Sighting>();
  readonly #timer: Timer;

  /** @param patience - milliseconds that a peer may owe an answer */
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

/** What a peer owes at a look; `debt` is what it owed at the look before. */
function debtAfter(debt: Debt | null, info: TcpInfo, now: number): Debt | null {
  if (info.unacknowledged === 0 && info.probes === 0) return null;
  const isOld = debt !== null && info.sinceAnswer >= now - debt.since;
  return isOld ? debt : { since: now, retransmissions: info.retransmissions };
}

/** A number that changes whenever bytes or the end of stream are written to a side. */
function writtenTo({ outbound }: ConnectionSide): number {
  return outbound.bytesRead - outbound.pending + (outbound.state === "ended" ? 0.5 : 0);
}
