import {
  ADDRESS_FORMS,
  AddressError,
  type Endpoint,
  isSameAddress,
  parseAddress,
  type Role,
  type SocketEndpoint,
} from "../address.ts";
import { UsageError } from "./invalid.ts";

/** The two words of a command line that describes a relay. */
export interface Addresses {
  readonly source: Endpoint;
  readonly destination: SocketEndpoint;
}

/**
 * Reads SOURCE and DESTINATION, beside the admin address where there is one.
 *
 * @throws {UsageError} where one is no address, or two are the same
 */
export function readAddresses(words: readonly string[], admin?: SocketEndpoint): Addresses {
  const [sourceText = "", destinationText = ""] = words;
  const source = explain("source", () => parseAddress(sourceText, "source"));
  const destination = explain("destination", () => parseAddress(destinationText, "destination"));
  if (isSameAddress(source, destination))
    throw new UsageError("DESTINATION is SOURCE: the relay would only talk to itself");
  checkAdmin(admin, source, destination);
  return { source, destination };
}

function checkAdmin(
  admin: SocketEndpoint | undefined,
  source: Endpoint,
  destination: Endpoint,
): void {
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
