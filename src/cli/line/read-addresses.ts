import {
  ADDRESS_FORMS,
  AddressError,
  type Endpoint,
  inNetwork,
  isSameAddress,
  parseAddress,
  type Role,
  type SocketEndpoint,
} from "../../address/address.ts";
import { UsageError } from "./usage-error.ts";

/** SOURCE and DESTINATION of a command line. */
export interface Addresses {
  readonly source: Endpoint;
  readonly destination: SocketEndpoint;
}

/**
 * The end of the list of valid forms in an error message, after `ADDRESS_FORMS`. Only a relay's own
 * command line accepts this form of SOURCE.
 */
export const STANDARD_IO_FORM = ", or - (standard input and output)";

/**
 * Reads SOURCE and DESTINATION.
 *
 * @param furtherForms - the end of the list of valid forms in an error message, after
 *   `ADDRESS_FORMS`
 * @throws {UsageError} if SOURCE or DESTINATION is not an address
 */
export function readAddresses(args: readonly string[], furtherForms = ""): Addresses {
  const [source = "", destination = ""] = args;
  return {
    source: explain("source", furtherForms, () => parseAddress(source, "source")),
    destination: readDestination(destination, furtherForms),
  };
}

/**
 * Reads DESTINATION alone.
 *
 * @param furtherForms - as for `readAddresses`
 * @throws {UsageError} if DESTINATION is not an address
 */
export function readDestination(word: string, furtherForms: string): SocketEndpoint {
  return explain("destination", furtherForms, () => parseAddress(word, "destination"));
}

/**
 * The network namespaces of SOURCE and DESTINATION; undefined for the namespace of this process.
 */
interface Networks {
  readonly sourceNetns?: string | undefined;
  readonly destinationNetns?: string | undefined;
}

/**
 * The addresses where the process itself listens for its admin pages and its metrics, and the
 * network namespaces of the relay.
 */
interface OwnAddresses extends Networks {
  readonly admin?: SocketEndpoint | undefined;
  readonly metrics?: SocketEndpoint | undefined;
}

/**
 * Refuses a relay that would talk to itself or to its own admin or metrics address, and two
 * listeners on one address.
 *
 * @throws {UsageError} if two addresses are the same
 */
export function checkDistinct(
  addresses: Addresses,
  { admin, metrics, sourceNetns, destinationNetns }: OwnAddresses,
): void {
  const source = inNetwork(addresses.source, sourceNetns);
  const destination = inNetwork(addresses.destination, destinationNetns);
  if (isSameAddress(source, destination))
    throw new UsageError("DESTINATION is SOURCE: the relay would only talk to itself");
  for (const [option, own] of [
    ["--admin", admin],
    ["--metrics", metrics],
  ] as const) {
    // An admin or metrics address with port 0 never equals another address, because the system
    // chooses a free port.
    if (own === undefined || (own.kind === "tcp" && own.port === 0)) continue;
    if (isSameAddress(source, own)) throw new UsageError(`${option} is SOURCE`);
    if (isSameAddress(own, destination)) throw new UsageError(`${option} is DESTINATION`);
    if (own !== admin && admin !== undefined && isSameAddress(own, admin))
      throw new UsageError(`${option} is --admin`);
  }
}

function explain<Address>(role: Role, furtherForms: string, read: () => Address): Address {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    const message = error.withForms;
    const further = message.endsWith(ADDRESS_FORMS) ? furtherForms : "";
    throw new UsageError(`${role.toUpperCase()} ${message}${further}`, { cause: error });
  }
}
