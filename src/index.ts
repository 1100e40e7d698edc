/**
 * A relay inside your own Bun process: `createRelay({ source, destination })`.
 *
 * @module
 */
export {
  AddressError,
  type Endpoint,
  type InheritedEndpoint,
  isSameAddress,
  parseAddress,
  printAddress,
  type Role,
  type SocketEndpoint,
  staysLocal,
} from "./address/address.ts";
export type { AccessRules } from "./relay/admission/allow-and-deny-rules.ts";
export { type Cidr, CidrError, parseCidr } from "./address/cidr.ts";
export type { Peer } from "./os/peer-credentials.ts";
export { RelayError } from "./relay/error.ts";
export type {
  ConnectionState,
  ConnectionView,
  Ending,
  Failure,
  Observer,
  ReachedLimit,
  Stop,
} from "./relay/observer.ts";
export { DEFAULTS } from "./relay/options.ts";
export type { ProxyVersion } from "./relay/options.ts";
export type { Relay } from "./relay/relay-interface.ts";
export { createRelay, type RelayOptions } from "./library/create-relay.ts";
export type { Workers } from "./workers/worker-count.ts";
