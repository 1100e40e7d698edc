import {
  ADDRESS_FORMS,
  AddressError,
  type Endpoint,
  isSameAddress,
  parseAddress,
  type Role,
  type SocketEndpoint,
} from "../../address/address.ts";
import { UsageError } from "./usage-error.ts";

/** The two words of a command line that describes a relay. */
export interface Addresses {
  readonly source: Endpoint;
  readonly destination: SocketEndpoint;
}

/**
 * Reads SOURCE and DESTINATION.
 *
 * @throws {UsageError} where one is no address
 */
export function readAddresses(words: readonly string[]): Addresses {
  const [source = "", destination = ""] = words;
  return {
    source: explain("source", () => parseAddress(source, "source")),
    destination: explain("destination", () => parseAddress(destination, "destination")),
  };
}

/**
 * Refuses a relay that would talk to itself, or to its own admin address.
 *
 * @throws {UsageError} where two are the same
 */
export function checkDistinct({ source, destination }: Addresses, admin?: SocketEndpoint): void {
  if (isSameAddress(source, destination))
    throw new UsageError("DESTINATION is SOURCE: the relay would only talk to itself");
  // Port 0 is another one each time.
  if (admin === undefined || (admin.kind === "tcp" && admin.port === 0)) return;
  if (isSameAddress(source, admin)) throw new UsageError("--admin is SOURCE");
  if (isSameAddress(admin, destination)) throw new UsageError("--admin is DESTINATION");
}

function explain<Address>(role: Role, read: () => Address): Address {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    throw new UsageError(`${role.toUpperCase()} ${error.message}; an address is ${ADDRESS_FORMS}`, {
      cause: error,
    });
  }
}
