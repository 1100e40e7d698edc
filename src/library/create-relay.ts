import {
  AddressError,
  type Endpoint,
  inNetwork,
  isSameAddress,
  printAddress,
} from "../address/address.ts";
import type { Cidr } from "../address/cidr.ts";
import { MEMORY_MAX, WORKERS } from "../options/types-and-ranges-of-relay-options.ts";
import {
  refuseNoObject,
  takeDestination,
  takeObserver,
  takeOption,
  takeRelayOptions,
  takeSignal,
  takeSource,
} from "../options/check-library-options.ts";
import type { Source } from "../relay/kinds-of-source.ts";
import type { RelayOptions as RelayOptionsParsed } from "../relay/options.ts";
import type { Relay } from "../relay/relay-interface.ts";
import { boundOfThreads } from "../workers/held-memory-of-threads.ts";
import { relayOpener } from "../workers/open-with-workers.ts";
import { choosePassedSocket, takePassedSockets } from "../systemd/activation.ts";
import type { Workers } from "../workers/worker-count.ts";

/**
 * The options of `createRelay`: a relay's options, with each address as text or as a parsed
 * endpoint.
 */
export interface RelayOptions extends Omit<
  RelayOptionsParsed,
  "source" | "destination" | "allow" | "deny" | "acceptProxyFrom"
> {
  /** The address where clients connect, as text or parsed. */
  readonly source: string | Endpoint;
  /** The address to which each connection is carried, as text or parsed. */
  readonly destination: string | Endpoint;
  /** Accepts TCP clients only from these ranges, written as `"10.0.0.0/8"` or parsed. */
  readonly allow?: readonly (string | Cidr)[] | undefined;
  /** Refuses TCP clients from these ranges, even if `allow` contains them. */
  readonly deny?: readonly (string | Cidr)[] | undefined;
  /** The proxies that may connect to a TCP source; required for a TCP source with `acceptProxy`. */
  readonly acceptProxyFrom?: readonly (string | Cidr)[] | undefined;
  /**
   * The number of threads that accept and relay connections. Default 1: the calling thread relays.
   * With more threads the calling thread relays nothing, and the threads load their code from a
   * separate file. `bun build` copies this file into `--outdir`, or into the executable with
   * `--compile`. `auto` is the number of processors that this process may use.
   */
  readonly workers?: Workers | undefined;
  /**
   * The approximate maximum number of bytes that all connections of this relay together hold:
   * bytes that the relay has read from one side and that the other side has not taken yet. At
   * least 4 MiB. Default: a quarter of the memory that the control group or the machine has. When
   * the connections hold this many bytes, each connection reads only as many bytes as its other
   * side takes, and further clients wait in the kernel's queue.
   *
   * The connections may exceed the maximum by 1 MiB for each worker, and by 512 KiB for each
   * connection whose sending side fails. Without FFI, with `fastPath: false` or with `capture`, add
   * 512 KiB for each direction of each connection.
   */
  readonly memoryMax?: number | undefined;
  /**
   * A signal that stops the relay in the same way as `stop()`. If the signal is aborted already, no
   * relay starts.
   */
  readonly signal?: AbortSignal | undefined;
}

const OTHER_OPTIONS = [
  "source",
  "destination",
  "observer",
  "workers",
  "memoryMax",
  "signal",
] as const;

/**
 * Starts a relay, which carries each connection from the source to the destination until it is
 * stopped. Resolves when the relay listens on the source.
 *
 * @throws {AddressError} if an address is not valid, or both addresses are the same.
 * @throws {RelayError} with the code `EINVAL` if an option is unknown or its value is not valid,
 *   and with the system's code if the relay cannot listen on the source.
 * @throws the signal's reason, if the signal was aborted before the relay listened.
 */
export async function createRelay(options: RelayOptions): Promise<Relay> {
  refuseNoObject(options);
  const source = takeSource(options.source);
  const destination = takeDestination(options.destination);
  const values = takeRelayOptions({ ...options }, OTHER_OPTIONS, { source, destination });
  const { memoryMax, workers: workersAsked = 1 } = options;
  const workers = takeOption("workers", WORKERS, workersAsked);
  const memory = boundOfThreads(
    workers,
    memoryMax === undefined ? null : takeOption("memoryMax", MEMORY_MAX, memoryMax),
  );
  const observer = takeObserver(options.observer);
  const signal = takeSignal(options.signal);
  const { sourceNetns, destinationNetns } = values;
  if (isSameAddress(inNetwork(source, sourceNetns), inNetwork(destination, destinationNetns)))
    throw new AddressError(printAddress(destination), "the destination is the source");
  signal?.throwIfAborted();
  const relayOptions = { ...values, source: claim(source), destination, observer };
  const relay = await relayOpener(workers, { memory }).open(relayOptions);
  if (signal !== undefined) await stopOnAbort(relay, signal);
  return relay;
}

/**
 * Stops a relay when a signal is aborted, and forgets the signal when the relay has stopped.
 *
 * @throws the signal's reason if the signal is aborted already; the relay has stopped by then.
 */
async function stopOnAbort(relay: Relay, signal: AbortSignal): Promise<void> {
  if (signal.aborted) await relay[Symbol.asyncDispose]();
  signal.throwIfAborted();
  const stop = () => void relay.stop();
  signal.addEventListener("abort", stop, { once: true });
  void relay.stopped.then(() => signal.removeEventListener("abort", stop));
}

/** Replaces a `systemd` source by the descriptor that systemd passed. */
function claim(source: Endpoint): Source {
  if (source.kind !== "systemd") return source;
  const { fd } = choosePassedSocket(passedSockets(), source.name);
  return { kind: "fd", fd };
}

// `takePassedSockets` removes systemd's environment variables, so they can be read only once. All
// relays of a process share the result.
let passed: ReturnType<typeof takePassedSockets> | undefined;

function passedSockets() {
  return (passed ??= takePassedSockets(process.env, process.pid));
}
