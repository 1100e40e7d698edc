/**
 * Metrics, status and health of relays inside your own Bun process:
 *
 * ```ts
 * using observation = new Observation();
 * const observer = observe(observation, { name: "web", source, destination });
 * await using relay = await createRelay({ source, destination, observer });
 * using server = await serveMetrics("127.0.0.1:9100", { observation });
 * ```
 *
 * @module
 */
import { parseAddress, type SocketEndpoint } from "./address/address.ts";
import {
  type AdminServer,
  openAdmin,
  openMetrics,
  type ServerOptions,
} from "./observe/admin/admin-server.ts";
import type { Observation } from "./observe/figures/observation.ts";
import { combineObservers } from "./relay/combine-observers.ts";
import { connectionsMaxDefault } from "./relay/listen/descriptor-budget.ts";
import type { Observer } from "./relay/observer.ts";
import { parseAdminAddress, parseMetricsAddress } from "./options/admin-address.ts";

export { Observation } from "./observe/figures/observation.ts";
export { PrometheusMetrics } from "./observe/figures/prometheus-metrics.ts";
export type { AdminServer, ServerOptions } from "./observe/admin/admin-server.ts";
export type { StatusDocument } from "./observe/admin/status-document.ts";

/** A relay that is to be observed, with addresses as a person writes them. */
export interface ObservedOptions {
  /** The name that tells it from the other relays of the observation. Default: the source. */
  readonly name?: string;
  readonly source: string;
  readonly destination: string;
  /** What is shown as its limit of open connections. Default: that of `createRelay`. */
  readonly connectionsMax?: number;
}

/**
 * Adds a relay to an observation; the observer is to be given to `createRelay`.
 *
 * @throws {AddressError} if an address is none
 */
export function observe(observation: Observation, relay: ObservedOptions): Observer {
  const { name = relay.source, connectionsMax = connectionsMaxDefault() } = relay;
  return combineObservers(
    observation.add({
      ...{ name, connectionsMax, options: {} },
      source: parseAddress(relay.source, "source"),
      destination: parseAddress(relay.destination, "destination"),
    }),
  );
}

/**
 * Serves the page, the status, metrics and health: on a Unix socket or a loopback port, because it
 * says who is connected.
 *
 * @throws if the address is no such address
 * @throws {RelayError} if it cannot be listened on
 */
export function serveAdmin(
  address: string | SocketEndpoint,
  options: ServerOptions,
): Promise<AdminServer> {
  const text = typeof address === "string" ? parseAdminAddress(address, "to listen on") : address;
  return openAdmin(text, options);
}

/**
 * Serves metrics and health, and nothing else, on any address.
 *
 * @throws if the address is none
 * @throws {RelayError} if it cannot be listened on
 */
export function serveMetrics(
  address: string | SocketEndpoint,
  options: ServerOptions,
): Promise<AdminServer> {
  return openMetrics(typeof address === "string" ? parseMetricsAddress(address) : address, options);
}
