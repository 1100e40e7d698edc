/**
 * A relay inside your own Bun process: `createRelay({ source, destination })`.
 *
 * @module
 */
export {
  AddressError,
  type Endpoint,
  isSameAddress,
  parseAddress,
  printAddress,
  type Role,
  staysLocal,
} from "./address.ts";
export { RelayError } from "./relay/error.ts";
export type { ConnectionView, Ending, Failure, Observer } from "./relay/observer.ts";
export { DEFAULTS, type RelayOptions } from "./relay/options.ts";
export { createRelay, type Relay } from "./relay/relay.ts";
