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
import type { Observation } from "./observe/figures/observe-process.ts";
import { combineObservers } from "./relay/combine-observers.ts";
import { connectionsAllowed } from "./relay/listen/descriptor-budget.ts";
import type { Observer } from "./relay/observer.ts";
import {
  checkAdminEndpoint,
  checkMetricsEndpoint,
  parseAdminAddress,
  parseMetricsAddress,
} from "./options/admin-address.ts";
import { actingLimitsOfLibrary, observeActingLimits } from "./process/acting-limits.ts";

export { Observation } from "./observe/figures/observe-process.ts";
export { PrometheusMetrics } from "./observe/figures/prometheus-metrics.ts";
export type { AdminServer, ServerOptions } from "./observe/admin/admin-server.ts";
export type { StatusDocument } from "./observe/admin/status-format.ts";

/** The relay to observe, with its addresses as text. */
export interface ObservedOptions {
  /**
   * The name of the relay. It must differ from the names of the other relays of the observation.
   * Default: the source.
   */
  readonly name?: string;
  readonly source: string;
  readonly destination: string;
  /**
   * The relay's limit of open connections, to show in the status and the metrics; `createRelay`
   * applies the limit. Default: the default of `createRelay` with one worker. If the limit of open
   * files allows fewer connections, the smaller number is shown, and the figures name `open_files`
   * as the limit.
   */
  readonly connectionsMax?: number;
}

/**
 * Adds a relay to an observation. Pass the returned observer to `createRelay`.
 *
 * @throws {AddressError} if an address is not valid
 */
export function observe(observation: Observation, relay: ObservedOptions): Observer {
  const { name = relay.source, connectionsMax: asked } = relay;
  // Give no warning here if fewer connections are allowed than were asked for: `createRelay` gives
  // it.
  const connectionsMax = connectionsAllowed(asked, () => {});
  const acting = actingLimitsOfLibrary(asked !== connectionsMax);
  const observers = observation.add({
    ...{ name, connectionsMax, options: {} },
    source: parseAddress(relay.source, "source"),
    destination: parseAddress(relay.destination, "destination"),
  });
  return combineObservers(observers.map((observer) => observeActingLimits(observer, acting)));
}

/**
 * Serves the status page, the status, metrics and health. The address must be a Unix socket or a
 * loopback port, because the status shows the connected clients.
 *
 * @throws if the address is neither a Unix socket nor a loopback port
 * @throws {RelayError} if the server cannot listen on the address
 */
export function serveAdmin(
  address: string | SocketEndpoint,
  options: ServerOptions,
): Promise<AdminServer> {
  const endpoint =
    typeof address === "string"
      ? parseAdminAddress(address, "to listen on")
      : checkAdminEndpoint(address, "to listen on");
  return openAdmin(endpoint, options);
}

/**
 * Serves metrics and health, and nothing else, on any address.
 *
 * @throws if the address is not valid
 * @throws {RelayError} if the server cannot listen on the address
 */
export function serveMetrics(
  address: string | SocketEndpoint,
  options: ServerOptions,
): Promise<AdminServer> {
  const endpoint =
    typeof address === "string" ? parseMetricsAddress(address) : checkMetricsEndpoint(address);
  return openMetrics(endpoint, options);
}
