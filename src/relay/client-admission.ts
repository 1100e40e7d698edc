import type { SocketEndpoint } from "../address/address.ts";
import { printIpEndpoint } from "../address/ip-endpoint.ts";
import { loaded } from "../os/libc.ts";
import { readPeer } from "../os/peer-credentials.ts";
import { cannotGuard, type Judge, judgeOf, printPeer, type Refusal } from "./access.ts";
import {
  type AcceptedSocket,
  UNIDENTIFIED,
  type AcceptedClient,
  identifyTcpClient,
} from "./accepted-client.ts";
import { type ClientCounts, ipClient } from "./client-counts.ts";
import type { RelayOptions } from "./options.ts";

/** An admitted client. */
export interface Admitted {
  readonly accepted: AcceptedClient;
  /** The client's number for `ClientCounts`; null without a limit. `left` gives its count back. */
  readonly countedAs: bigint | null;
}

const UNIDENTIFIED_ADMITTED: Admitted = { accepted: UNIDENTIFIED, countedAs: null };

const NO_ADDRESS: Refusal = { client: "", reason: "its address is unknown" };

const LIMIT_REACHED =
  "it has as many connections as one client may have (--connections-max-per-client)";

/** Whether the relay must know each TCP client's address before it serves the client. */
export function needsAddresses(options: RelayOptions, source: SocketEndpoint): boolean {
  const { allow, deny, proxyProtocol, connectionsMaxPerClient, identifyClients = false } = options;
  const isNeeded = [allow, deny, proxyProtocol, connectionsMaxPerClient].some(
    (option) => option !== undefined,
  );
  return source.kind === "tcp" && (isNeeded || identifyClients);
}

/** Admits or refuses each accepted client, before anything else happens for that client. */
export class ClientAdmission {
  readonly #needsAddresses: boolean;
  readonly #judge: Judge | null;
  readonly #max: number;
  readonly #counts: ClientCounts;
  readonly #isOpen: boolean;

  /**
   * @param counts - connections per client, over all threads
   * @throws {RelayError} as `judgeOf` does; also if a limit per Unix client is given without FFI.
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

  /** Admits or refuses a client. */
  admit(socket: AcceptedSocket): Admitted | Refusal {
    if (this.#isOpen) return UNIDENTIFIED_ADMITTED;
    const accepted = this.#needsAddresses
      ? identifyTcpClient(socket)
      : { ...UNIDENTIFIED, fd: socket.fd };
    if (accepted === null) return NO_ADDRESS;
    const refusal = this.#judge?.(accepted) ?? null;
    if (refusal !== null) return refusal;
    return this.#max === Infinity ? { accepted, countedAs: null } : this.#count(accepted);
  }

  /** Call this when the connection of an admitted client has ended. */
  left({ countedAs }: Admitted): void {
    if (countedAs !== null) this.#counts.leave(countedAs);
  }

  #count(accepted: AcceptedClient): Admitted | Refusal {
    const counted = whoOf(accepted);
    if ("reason" in counted) return counted;
    const { client, name } = counted;
    if (this.#counts.enter(client) <= this.#max) return { accepted, countedAs: client };
    this.#counts.leave(client);
    return { client: name, reason: LIMIT_REACHED };
  }
}

/** A client's number for `ClientCounts`, and its name for messages. */
function whoOf({ fd, client }: AcceptedClient): { client: bigint; name: string } | Refusal {
  if (client !== null) return { client: ipClient(client.address), name: printIpEndpoint(client) };
  if (loaded.libc === null) return NO_ADDRESS;
  const peer = readPeer(loaded.libc, fd);
  if ("code" in peer) return { client: "", reason: `its credential cannot be read (${peer.code})` };
  return { client: BigInt(peer.uid), name: printPeer(peer) };
}
