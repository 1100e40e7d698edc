import type { IpEndpoint } from "../../address/ip-endpoint.ts";
import { readTcpTable, type TcpEnd, type TcpTable } from "../../os/tcp-table.ts";
import type { Side } from "../stream/side.ts";
import { endsWithLocalPeer, type TcpEnds } from "./tcp-ends-on-same-host.ts";

// The first pause before the watcher reads the kernel's table of TCP sockets, in milliseconds. Each
// further pause is twice as long as the pause before. When the watcher begins to watch another
// connection, the pauses start again with the first pause.
const PAUSE_FIRST = 1_000;
// The longest pause, in milliseconds, unless `COST` requires a longer one.
const PAUSE_LAST = 32_000;

// Each pause is at least this many times as long as the work before it: to read and search the
// table. So this work takes at most 2 % of the process's time.
const COST = 50;

/** The part of a connection that the watcher needs. */
interface WatchedConnection {
  readonly client: Side;
  readonly bytesDown: number;
}

/**
 * Finds clients that left after they had ended their stream, while the destination sent no byte.
 *
 * TCP shows no difference between a client that closed and a client that waits for an answer, until
 * the relay sends bytes. For a client on the same machine, the kernel's table of TCP sockets shows
 * whether a process still owns the client's socket.
 *
 * This matters if relays form a ring, so that the destination of each relay is the source of the
 * next one. In a ring, the connection of one client causes a connection to the next relay, and so
 * on around the ring, until one relay has reached its limit of open connections. None of these
 * connections is ever answered. When the client leaves, the relay that accepted the client must end
 * the client's connection. After that, all other connections of the ring end, one after the other.
 */
export class DepartedLocalClients<Watched extends WatchedConnection> {
  /**
   * The watched connections, each with both ends of the TCP connection between client and relay.
   * The value is undefined before the ends are looked up, and null if the client is not known to be
   * on this machine.
   */
  readonly #watched = new Map<Watched, TcpEnds | null | undefined>();
  readonly #isDue: (connection: Watched) => boolean;
  readonly #departed: (connection: Watched) => void;
  #timer: Timer | undefined;
  #pause = PAUSE_FIRST;

  /**
   * @param isDue - returns whether it matters now that the client of a connection may have left.
   *   The kernel's table is read only if at least one connection is due, because on a machine with
   *   many sockets a read takes long
   * @param departed - called with each connection whose client has left; called again after each
   *   pause until the connection is forgotten
   */
  constructor(isDue: (connection: Watched) => boolean, departed: (connection: Watched) => void) {
    this.#isDue = isDue;
    this.#departed = departed;
  }

  /** Watches a connection whose client has ended its stream, while the destination sent no byte. */
  watch(connection: Watched): void {
    this.#watched.set(connection, undefined);
    if (this.#pause > PAUSE_FIRST) clearTimeout(this.#timer);
    else if (this.#timer !== undefined) return;
    this.#pause = PAUSE_FIRST;
    this.#lookLater(PAUSE_FIRST);
  }

  /** Stops watching a connection, because it has ended. */
  forget(connection: Watched): void {
    if (!this.#watched.delete(connection) || this.#watched.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #lookLater(pause: number): void {
    this.#timer = setTimeout(() => this.#look(), pause);
  }

  #look(): void {
    this.#timer = undefined;
    const began = performance.now();
    const ends = this.#endsOfClients();
    const table = ends.size === 0 ? null : readTcpTable([...ends.values()].map(bothEnds));
    for (const [connection, each] of ends) {
      // A call of `#departed` in an earlier round of this loop may have ended this connection.
      if (table === null || !this.#watched.has(connection)) continue;
      if (hasLeft(table, each)) this.#departed(connection);
    }
    if (this.#watched.size === 0) return;
    this.#pause = Math.min(2 * this.#pause, PAUSE_LAST);
    this.#lookLater(Math.max(this.#pause, COST * (performance.now() - began)));
  }

  /**
   * Returns the connections that are due (`#isDue`) and whose client is on this machine, each with
   * the two ends of the TCP connection between client and relay. Also calls `#departed` for each
   * client whose socket is closed already, and forgets each connection whose destination has sent a
   * byte.
   */
  #endsOfClients(): ReadonlyMap<Watched, TcpEnds> {
    const found = new Map<Watched, TcpEnds>();
    for (const [connection, known] of this.#watched) {
      const { client, bytesDown } = connection;
      if (bytesDown > 0) {
        this.#watched.delete(connection);
      } else if (client.socket === null) {
        this.#departed(connection);
      } else if (this.#isDue(connection)) {
        // Find the addresses of both ends only now, because most connections are over before the
        // first look.
        const ends = known === undefined ? endsOf(client) : known;
        if (known === undefined) this.#watched.set(connection, ends);
        if (ends !== null) found.set(connection, ends);
      }
    }
    return found;
  }
}

function bothEnds({ peer, own }: TcpEnds): readonly [TcpEnd, TcpEnd] {
  return [endOf(peer), endOf(own)];
}

function hasLeft(table: TcpTable, { peer, own }: TcpEnds): boolean {
  // If the table does not contain the relay's own socket, the table belongs to another network
  // namespace and says nothing about the client.
  if (table.stateOf(endOf(own), endOf(peer)) === "absent") return false;
  return table.stateOf(endOf(peer), endOf(own)) !== "owned";
}

function endsOf({ socket, isTcp }: Side): TcpEnds | null {
  return isTcp && socket !== null ? endsWithLocalPeer(socket) : null;
}

function endOf({ address: { bytes }, port }: IpEndpoint): TcpEnd {
  return { bytes, port };
}
