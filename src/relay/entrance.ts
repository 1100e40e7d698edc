import type { SocketEndpoint } from "../address/address.ts";
import { printIpEndpoint } from "../address/ip-endpoint.ts";
import { loaded } from "../os/libc.ts";
import { readPeer } from "../os/peer-credentials.ts";
import { cannotGuard, type Judge, judgeOf, printPeer, type Refusal } from "./access.ts";
import { type AcceptedSocket, ANYBODY, type Arrival, tcpArrival } from "./arrival.ts";
import { type ClientCounts, ipClient } from "./client-counts.ts";
import type { RelayOptions } from "./options.ts";

/** A client that may come in. */
export interface Admitted {
  readonly arrival: Arrival;
  /** Who it counts as; null if nobody counts. To be given back by `left`. */
  readonly countedAs: bigint | null;
}

const ANYBODY_ADMITTED: Admitted = { arrival: ANYBODY, countedAs: null };

const NO_ADDRESS: Refusal = { client: "", reason: "its address cannot be told" };

const LIMIT_REACHED =
  "it has as many connections as one client may have (--connections-max-per-client)";

/** Whether the relay has to know the address of each TCP client before it does anything for it. */
export function needsAddresses(options: RelayOptions, source: SocketEndpoint): boolean {
  const { allow, deny, proxyProtocol, connectionsMaxPerClient, identifyClients = false } = options;
  const isNeeded = [allow, deny, proxyProtocol, connectionsMaxPerClient].some(
    (option) => option !== undefined,
  );
  return source.kind === "tcp" && (isNeeded || identifyClients);
}

/** Decides of each accepted client whether it may come in, before anything else is done for it. */
export class Entrance {
  readonly #needsAddresses: boolean;
  readonly #judge: Judge | null;
  readonly #max: number;
  readonly #counts: ClientCounts;
  readonly #isOpen: boolean;

  /**
   * @param counts - of the clients that have connections, of all threads
   * @throws {RelayError} as `judgeOf` does, and where a Unix client cannot be told from another.
   */
  constructor(options: RelayOptions, source: SocketEndpoint, counts: ClientCounts) {
    this.#needsAddresses = needsAddresses(options, source);
    this.#judge = judgeOf(options, source);
    this.#max = options.connectionsMaxPerClient ?? Infinity;
    this.#counts = counts;
    this.#isOpen =
      !this.#needsAddresses &&
      this.#judge === null &&
      this.#max === Infinity &&
      options.proxyProtocol === undefined;
    if (this.#max !== Infinity && source.kind !== "tcp" && loaded.libc === null)
      throw cannotGuard(source, loaded.reason);
  }

  /** Looks at a client: it may come in, or is refused for a reason. */
  admit(socket: AcceptedSocket): Admitted | Refusal {
    if (this.#isOpen) return ANYBODY_ADMITTED;
    const arrival = this.#needsAddresses ? tcpArrival(socket) : { ...ANYBODY, fd: socket.fd };
    if (arrival === null) return NO_ADDRESS;
    const refusal = this.#judge?.(arrival) ?? null;
    if (refusal !== null) return refusal;
    return this.#max === Infinity ? { arrival, countedAs: null } : this.#count(arrival);
  }

  /** A client that was admitted has gone. */
  left({ countedAs }: Admitted): void {
    if (countedAs !== null) this.#counts.leave(countedAs);
  }

  #count(arrival: Arrival): Admitted | Refusal {
    const counted = whoOf(arrival);
    if ("reason" in counted) return counted;
    const { client, name } = counted;
    if (this.#counts.enter(client) <= this.#max) return { arrival, countedAs: client };
    this.#counts.leave(client);
    return { client: name, reason: LIMIT_REACHED };
  }
}

/** Who a client counts as, and its name for a person. */
function whoOf({ fd, client }: Arrival): { client: bigint; name: string } | Refusal {
  if (client !== null) return { client: ipClient(client.address), name: printIpEndpoint(client) };
  if (loaded.libc === null) return NO_ADDRESS;
  const peer = readPeer(loaded.libc, fd);
  if ("code" in peer) return { client: "", reason: `its credential cannot be read (${peer.code})` };
  return { client: BigInt(peer.uid), name: printPeer(peer) };
}
