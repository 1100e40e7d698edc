import { AddressError, type Endpoint, isSameAddress, printAddress } from "./address/address.ts";
import type { Cidr } from "./address/cidr.ts";
import { WORKERS } from "./options/relay-options.ts";
import {
  takeDestination,
  takeObserver,
  takeOption,
  takeRelayOptions,
  takeSignal,
  takeSource,
} from "./options/take-relay-options.ts";
import type { Source } from "./relay/listen/source.ts";
import type { RelayOptions as RelayOptionsParsed } from "./relay/options.ts";
import type { Relay } from "./relay/running-relay.ts";
import { relayOpener } from "./workers/open-relay.ts";
import { choosePassedSocket, takePassedSockets } from "./systemd/activation.ts";
import type { Workers } from "./workers/worker-count.ts";

/** What `createRelay` takes: a relay's options, with addresses as a person writes them. */
export interface RelayOptions extends Omit<
  RelayOptionsParsed,
  "source" | "destination" | "allow" | "deny"
> {
  /** Where clients connect: an address as a person writes it, or a parsed one. */
  readonly source: string | Endpoint;
  /** Where each connection is carried to. */
  readonly destination: string | Endpoint;
  /** TCP clients: from these ranges, as `"10.0.0.0/8"` or parsed, and from no others. */
  readonly allow?: readonly (string | Cidr)[] | undefined;
  /** TCP clients: not from these ranges, whatever `allow` says. */
  readonly deny?: readonly (string | Cidr)[] | undefined;
  /**
   * Threads that accept and relay, this one being idle where they are more than one. Default 1: this
   * thread does it. `auto` is as many as there are processors that this process may use. A thread's
   * module is read from beside this library's own, so a bundle needs it, too.
   */
  readonly workers?: Workers | undefined;
  /** Stops the relay as `stop()` does. One that is aborted already lets no relay start. */
  readonly signal?: AbortSignal | undefined;
}

const OTHER_OPTIONS = ["source", "destination", "observer", "workers", "signal"] as const;

/**
 * Listens on the source and carries each connection to the destination until it is stopped.
 *
 * @throws {AddressError} where an address is none, or both are the same.
 * @throws {RelayError} where an option is unknown or its value makes no sense, with the code
 *   `EINVAL`, and where the source cannot be listened on, with the system's code.
 * @throws the signal's reason, where it was aborted before the relay listened.
 */
export async function createRelay(options: RelayOptions): Promise<Relay> {
  const source = takeSource(options.source);
  const destination = takeDestination(options.destination);
  const values = takeRelayOptions({ ...options }, OTHER_OPTIONS, source);
  const workers = takeOption("workers", WORKERS, options.workers ?? 1);
  const observer = takeObserver(options.observer);
  const signal = takeSignal(options.signal);
  if (isSameAddress(source, destination))
    throw new AddressError(printAddress(destination), "the destination is the source");
  signal?.throwIfAborted();
  const relayOptions = { ...values, source: claim(source), destination, observer };
  const relay = await relayOpener(workers)(relayOptions);
  if (signal !== undefined) await stopOnAbort(relay, signal);
  return relay;
}

/**
 * Stops a relay when a signal is aborted, and forgets the signal when the relay has stopped.
 *
 * @throws the signal's reason if it is aborted already, after the relay has stopped.
 */
async function stopOnAbort(relay: Relay, signal: AbortSignal): Promise<void> {
  if (signal.aborted) await relay[Symbol.asyncDispose]();
  signal.throwIfAborted();
  const stop = () => void relay.stop();
  signal.addEventListener("abort", stop, { once: true });
  void relay.stopped.then(() => signal.removeEventListener("abort", stop));
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
