import type { SocketEndpoint } from "../../address/address.ts";
import { printIpEndpoint } from "../../address/ip-endpoint.ts";
import { loaded } from "../../os/libc.ts";
import { readPeer } from "../../os/peer-credentials.ts";
import {
  cannotGuard,
  type Judge,
  judgeOf,
  judgesBehindProxy,
  type ProxyRules,
  type Refusal,
} from "./allow-and-deny-rules.ts";
import {
  type AcceptedSocket,
  UNIDENTIFIED,
  type AcceptedClient,
  identifyTcpClient,
  type ProxiedEnds,
  type Unaddressed,
} from "./accepted-client.ts";
import { type ClientCounts, ipClient, unixClient } from "./client-counts.ts";
import { printAccepted, printPeer } from "./print-client.ts";
import { REFUSAL_REASONS, UNADDRESSED_REFUSALS } from "./refusal-reasons.ts";

/** An admitted client. */
export interface Admitted {
  readonly accepted: AcceptedClient;
  /**
   * The number that identifies the client in `ClientCounts`; null if there is no limit per client,
   * so the connection is not counted.
   */
  readonly countedAs: bigint | null;
}

const UNIDENTIFIED_ADMITTED: Admitted = { accepted: UNIDENTIFIED, countedAs: null };

const NO_ADDRESS: Refusal = { client: "", reason: REFUSAL_REASONS.addressUnknown };

/** The options that decide about clients; see `RelayOptions`. */
export interface AdmissionOptions extends ProxyRules {
  readonly proxyProtocol?: "v1" | "v2" | undefined;
  readonly connectionsMaxPerClient?: number | undefined;
  readonly identifyClients?: boolean | undefined;
  readonly acceptProxy?: boolean | undefined;
}

/** Returns whether the relay must know each TCP client's address before it serves the client. */
export function needsAddresses(options: AdmissionOptions, source: SocketEndpoint): boolean {
  const { allow, deny, proxyProtocol, connectionsMaxPerClient } = options;
  const { identifyClients = false, acceptProxy = false } = options;
  const isNeeded = [allow, deny, proxyProtocol, connectionsMaxPerClient].some(
    (option) => option !== undefined,
  );
  return source.kind === "tcp" && (isNeeded || identifyClients || acceptProxy);
}

/**
 * Admits or refuses each accepted client, before anything else happens for that client. If the
 * relay expects PROXY headers (`acceptProxy`), the admission has two steps: `admitProxy`, then
 * `admitProxied`.
 */
export class ClientAdmission {
  readonly #needsAddresses: boolean;
  /**
   * The facts to look up for each TCP client. `wantsSource` is true only if the relay sends PROXY
   * headers, because only such a header contains the address that the client connected to.
   */
  readonly #wanted: { readonly wantsSource: boolean };
  /**
   * Decides whether to admit the peer of each accepted socket. The peer is a client or a proxy.
   * Null if every peer is admitted.
   */
  readonly #judge: Judge | null;
  /**
   * Decides whether to admit the clients that PROXY headers name. Null if every such client is
   * admitted.
   */
  readonly #proxiedJudge: Judge | null;
  readonly #max: number;
  readonly #counts: ClientCounts;
  readonly #isOpen: boolean;

  /**
   * @param counts - counts the open connections of each client, over all threads
   * @throws {RelayError} as `judgeOf` and `judgesBehindProxy` do; also if the options limit the
   *   connections of each Unix client but FFI is not available.
   */
  constructor(options: AdmissionOptions, source: SocketEndpoint, counts: ClientCounts) {
    this.#needsAddresses = needsAddresses(options, source);
    this.#wanted = { wantsSource: options.proxyProtocol !== undefined };
    const { acceptProxy = false } = options;
    const judges = acceptProxy
      ? judgesBehindProxy(options, source)
      : { ofProxy: judgeOf(options, source), ofClient: null };
    this.#judge = judges.ofProxy;
    this.#proxiedJudge = judges.ofClient;
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
    const accepted = this.admitProxy(socket);
    return "reason" in accepted ? accepted : this.#withinLimit(accepted);
  }

  /** Admits or refuses a proxy. An admitted proxy must then send a header. */
  admitProxy(socket: AcceptedSocket): AcceptedClient | Refusal {
    const accepted = this.#needsAddresses
      ? identifyTcpClient(socket, this.#wanted)
      : { ...UNIDENTIFIED, fd: socket.fd };
    if (accepted === null) return NO_ADDRESS;
    return this.#judge?.(accepted) ?? accepted;
  }

  /**
   * Admits or refuses the client that a proxy's header names. If the header names no client, the
   * proxy itself counts as the client.
   */
  admitProxied(proxy: AcceptedClient, ends: ProxiedEnds | Unaddressed): Admitted | Refusal {
    const isNamed = typeof ends !== "string";
    if (!isNamed && proxy.client === null && this.#proxiedJudge !== null)
      return { client: printAccepted(proxy), reason: UNADDRESSED_REFUSALS[ends] };
    const accepted = isNamed ? { fd: proxy.fd, ...ends } : proxy;
    return this.#proxiedJudge?.(accepted) ?? this.#withinLimit(accepted);
  }

  /**
   * Removes a connection of an admitted client from the client counts. Call this once, when the
   * connection has ended.
   */
  left({ countedAs }: Admitted): void {
    if (countedAs !== null) this.#counts.leave(countedAs);
  }

  #withinLimit(accepted: AcceptedClient): Admitted | Refusal {
    if (this.#max === Infinity) return { accepted, countedAs: null };
    const counted = whoOf(accepted);
    if ("reason" in counted) return counted;
    const { client, name } = counted;
    if (this.#counts.enter(client) <= this.#max) return { accepted, countedAs: client };
    this.#counts.leave(client);
    return { client: name, reason: REFUSAL_REASONS.limitReached };
  }
}

/**
 * Returns the number that identifies a client in `ClientCounts`, and the client's name for
 * messages. Returns a refusal if the client cannot be identified.
 */
function whoOf({ fd, client }: AcceptedClient): { client: bigint; name: string } | Refusal {
  if (client !== null) return { client: ipClient(client.address), name: printIpEndpoint(client) };
  if (loaded.libc === null) return NO_ADDRESS;
  const peer = readPeer(loaded.libc, fd);
  if ("code" in peer) return { client: "", reason: `its credential cannot be read (${peer.code})` };
  return { client: unixClient(peer.uid), name: printPeer(peer) };
}
