import type { SocketEndpoint } from "../../address/address.ts";
import { targetOf } from "../../address/resolve-destination.ts";
import { loaded } from "../../os/libc.ts";
import type { Attempt, ConnectionsState } from "./connection.ts";
import { DepartedLocalClients } from "./departed-half-closed-clients.ts";
import { ConnectionList } from "./connection-list.ts";
import { DeadlineQueue } from "./deadline-queue.ts";
import { LingeringClose } from "./lingering-close.ts";
import { clientDeparted, mayGiveUpClient } from "./show-destination-that-client-left.ts";
import { adoptedHandlers, handlers } from "./socket-handlers.ts";
import type { HeldMemory } from "../limits/held-memory-limit.ts";
import { callsFor } from "../check-network-namespaces.ts";
import type { Observer } from "../observer.ts";
import { DEFAULTS, type OneClientOptions, type RelayOptions } from "../options.ts";
import { threadBulkReader } from "../stream/bulk-reader.ts";

// After a peer's reset, the relay first delivers the bytes that the peer sent before. It passes the
// reset on anyway if the receiver accepts no bytes for this time, in milliseconds. The time is long
// because a receiver that reads 5 kB/s can appear to read nothing for over a minute
// (lingering-close.ts).
const STANDSTILL = 300_000;

/**
 * The functions by which connections report events to the relay, or ask whether the relay is full
 * (`isFull`).
 */
type RelayCalls = Pick<ConnectionsState, "isFull" | "exhausted" | "ended" | "lateSocketEnded">;

/** What a new relay's connections share with the connections of other relays. */
interface OfThread {
  readonly memory: HeldMemory;
  /** The number of threads of this process that relay. */
  readonly threads: number;
}

/** Makes the state that all connections of a new relay share. */
export function makeConnectionsState(
  endpoint: SocketEndpoint,
  options: RelayOptions | OneClientOptions,
  { memory, threads }: OfThread,
  observer: Observer,
  callbacks: RelayCalls,
): ConnectionsState {
  return {
    observer,
    target: targetOf(options.destination, options.destinationNetns),
    libc: loaded.libc && callsFor(loaded.libc, options.destinationNetns),
    leadsBack: null,
    clientLeftAt: -Infinity,
    departed: new DepartedLocalClients(mayGiveUpClient, clientDeparted),
    sourceIsTcp: endpoint.kind === "tcp",
    clientIsShared: options.source.kind === "connected",
    keepalive: options.keepalive ?? DEFAULTS.keepalive,
    connectRetry: options.connectRetry ?? DEFAULTS.connectRetry,
    connections: new ConnectionList(),
    attempts: new DeadlineQueue<Attempt>(options.connectTimeout ?? DEFAULTS.connectTimeout, expire),
    lingering: new LingeringClose({
      farewell: options.lingerTimeout ?? DEFAULTS.lingerTimeout,
      standstill: STANDSTILL,
    }),
    bulk:
      loaded.libc === null || options.fastPath === false || options.capture !== undefined
        ? null
        : threadBulkReader(loaded.libc, threads),
    capture: null,
    memory,
    handlers: loaded.libc === null ? handlers : adoptedHandlers,
    lateSockets: 0,
    isFailing: false,
    ...callbacks,
  };
}

function expire(attempt: Attempt): void {
  attempt.expire();
}
