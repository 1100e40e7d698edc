import {
  AddressError,
  type Endpoint,
  isSameAddress,
  parseAddress,
  printAddress,
} from "./address.ts";
import type { Source } from "./relay/listen.ts";
import type { RelayOptions as RelayOptionsParsed } from "./relay/options.ts";
import { type Relay, startRelay } from "./relay/relay.ts";
import { choosePassedSocket, takePassedSockets } from "./systemd/activation.ts";

/** What `createRelay` takes: a relay's options, with addresses as a person writes them. */
export interface RelayOptions extends Omit<RelayOptionsParsed, "source" | "destination"> {
  /** Where clients connect: an address as a person writes it, or a parsed one. */
  readonly source: string | Endpoint;
  /** Where each connection is carried to. */
  readonly destination: string | Endpoint;
}

/**
 * Listens on the source and carries each connection to the destination until it is stopped.
 *
 * @throws {AddressError} where an address is none, or both are the same.
 * @throws {RelayError} where the source cannot be listened on.
 */
export async function createRelay(options: RelayOptions): Promise<Relay> {
  const source = read(options.source, "source");
  const destination = read(options.destination, "destination");
  if (destination.kind === "systemd" || destination.kind === "fd")
    throw new AddressError(printAddress(destination), "an inherited socket can only be a source");
  if (isSameAddress(source, destination))
    throw new AddressError(printAddress(destination), "the destination is the source");
  return await startRelay({ ...options, source: claim(source), destination });
}

function read(address: string | Endpoint, role: "source" | "destination"): Endpoint {
  return typeof address === "string" ? parseAddress(address, role) : address;
}

/** The descriptor that stands behind `systemd`. */
function claim(source: Endpoint): Source {
  if (source.kind !== "systemd") return source;
  const { fd } = choosePassedSocket(passedSockets(), source.name);
  return { kind: "fd", fd };
}

// The variables can be read but once: two relays of one process share what they said.
let passed: ReturnType<typeof takePassedSockets> | undefined;

function passedSockets() {
  return (passed ??= takePassedSockets(process.env, process.pid));
}
