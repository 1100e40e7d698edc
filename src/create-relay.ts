import {
  AddressError,
  type Endpoint,
  isSameAddress,
  parseAddress,
  printAddress,
} from "./address/address.ts";
import type { Source } from "./relay/listen/bind-source.ts";
import type { RelayOptions as RelayOptionsParsed } from "./relay/options.ts";
import { type Relay, startRelay } from "./relay/running-relay.ts";
import { loaded } from "./os/libc.ts";
import { type Workers, workerCount } from "./workers/worker-count.ts";
import { choosePassedSocket, takePassedSockets } from "./systemd/activation.ts";

/** What `createRelay` takes: a relay's options, with addresses as a person writes them. */
export interface RelayOptions extends Omit<RelayOptionsParsed, "source" | "destination"> {
  /** Where clients connect: an address as a person writes it, or a parsed one. */
  readonly source: string | Endpoint;
  /** Where each connection is carried to. */
  readonly destination: string | Endpoint;
  /**
   * Threads that accept and relay, this one being idle where they are more than one. Default 1: this
   * thread does it. `auto` is as many as there are processors that this process may use. A thread's
   * module is read from beside this library's own, so a bundle needs it, too.
   */
  readonly workers?: Workers | undefined;
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
  const { workers = 1, ...rest } = options;
  const relayOptions = { ...rest, source: claim(source), destination };
  const count = workerCount(workers);
  if (count === 1) return await startRelay(relayOptions);
  if (loaded.libc === null) {
    options.observer?.warning?.(withoutWorkers(loaded.reason));
    return await startRelay(relayOptions);
  }
  // A relay in one thread need not wait until what only several need is loaded.
  const { startPool } = await import("./workers/worker-pool.ts");
  return await startPool(loaded.libc, relayOptions, count);
}

function withoutWorkers(reason: string): string {
  return `one thread relays, not several: they share the source through FFI (${reason})`;
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
