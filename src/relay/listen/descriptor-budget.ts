import { libc } from "../../os/libc.ts";
import { openFilesMax } from "../../os/open-files-limit.ts";
import { kernelPipesMost } from "../stream/kernel-pipe.ts";

// The number of descriptors for the runtime itself, the listener and the log.
const DESCRIPTORS_OF_PROCESS = 32;
const DESCRIPTORS_A_CONNECTION = 2;
/**
 * The highest number of connections of a process, however high the limit of open files is.
 * Container runtimes may set that limit to 1,073,741,816. Memory that is made for each possible
 * connection, such as the tables of `SharedClientCounts`, cannot be had for so many.
 */
export const CONNECTIONS_MOST = 4_000_000;
const DESCRIPTORS_A_KERNEL_PIPE = 2;
// The number of descriptors that each thread after the first thread needs: for its event loop, for
// its duplicates of the listener, and for its watch for bytes (`ByteWatch`).
const DESCRIPTORS_A_WORKER = 11;
// For each relay after the first relay: the number of descriptors that its source needs.
const DESCRIPTORS_A_SOURCE = 1;
// For each relay after the first relay: the number of descriptors that each thread needs for its
// duplicates of the source.
const DESCRIPTORS_A_LISTENER = 3;

/**
 * The number of descriptors that all relays after the first relay need together, without the
 * descriptors of their connections.
 */
export function descriptorsOfRelays(relays: number, workers: number): number {
  return (relays - 1) * (DESCRIPTORS_A_SOURCE + workers * DESCRIPTORS_A_LISTENER);
}

// The number of descriptors that each waiting client takes. Without FFI the relay also accepts
// clients while the maximum number of connections is open, and these clients wait in the relay.
// With FFI they wait in the kernel's queue and take no descriptor.
const DESCRIPTORS_A_WAITING_CLIENT = libc === null ? 1 : 0;
const HAS_KERNEL_PIPES = libc !== null;

/**
 * The number of connections that the limit of open files allows, at least 1 and at most
 * `CONNECTIONS_MOST`. Without FFI the number is smaller: for each connection, a descriptor is left
 * for one waiting client.
 *
 * @param others - the number of descriptors that the process needs for other purposes, such as an
 *   admin server
 */
export function connectionsMaxDefault(workers = 1, others = 0): number {
  return carried(DESCRIPTORS_A_CONNECTION + DESCRIPTORS_A_WAITING_CLIENT, workers, others);
}

/**
 * The maximum number of open connections of a relay whose options ask for `asked` connections: at
 * most the number that the limit of open files allows. If no descriptor were left, clients would
 * fail, and a relay without FFI could not even pause its listener: Bun would try to accept in a
 * loop.
 *
 * @param asked - the number of connections; undefined for the default
 * @param warn - called with a message if fewer connections are allowed than were asked for
 */
export function connectionsAllowed(
  asked: number | undefined,
  warn: (message: string) => void,
  workers = 1,
): number {
  const max = asked ?? connectionsMaxDefault(workers);
  const most = connectionsCarried(workers);
  if (max <= most) return max;
  warn(
    most === CONNECTIONS_MOST
      ? `a process carries at most ${most} connections, not ${max}`
      : `the limit of open files allows ${most} connections, not ${max}: ` +
          "raise the limit (LimitNOFILE= in a systemd unit, ulimit -n elsewhere)",
  );
  return most;
}

/**
 * The highest number of connections that the limit of open files allows, at least 1 and at most
 * `CONNECTIONS_MOST`. No option can allow more. Without FFI the number is higher than the result of
 * `connectionsMaxDefault`, which leaves more descriptors for waiting clients.
 *
 * @param others - as for `connectionsMaxDefault`
 */
export function connectionsCarried(workers = 1, others = 0): number {
  return carried(DESCRIPTORS_A_CONNECTION, workers, others);
}

function carried(filesEach: number, workers: number, others: number): number {
  const reserved = descriptorsReserved(workers, kernelPipes(workers)) + others;
  return connectionsForFiles(openFilesMax() - reserved, filesEach);
}

/**
 * The number of connections, at least 1 and at most `CONNECTIONS_MOST`, for which `files`
 * descriptors are left.
 */
export function connectionsForFiles(files: number, filesEach: number): number {
  return Math.min(CONNECTIONS_MOST, Math.max(1, Math.floor(files / filesEach)));
}

/**
 * Returns the number of workers that can run: at most `workers`, and so few that the limit of open
 * files leaves at least one connection for each worker.
 *
 * @param othersOf - returns the number of descriptors that the process needs for other purposes,
 *   for a number of workers
 */
export function workersCarried(workers: number, othersOf: (workers: number) => number): number {
  for (let count = workers; count > 1; count -= 1)
    if (connectionsMaxDefault(count, othersOf(count)) >= count) return count;
  return 1;
}

/**
 * The number of descriptors that are not left for connections, because the kernel pipes, the
 * workers or other parts of the process (`others`, as for `connectionsMaxDefault`) take them.
 */
export function descriptorsTaken(workers: number, others: number): number {
  return descriptorsReserved(workers, kernelPipes(workers)) - DESCRIPTORS_OF_PROCESS + others;
}

/**
 * The number of clients that can wait in the relay while the maximum number of connections is open.
 * Each waiting client holds a descriptor. Clients wait in the relay only without FFI
 * (`PauseWithoutFfi`).
 */
export function waitingClientsMost(connectionsMax: number): number {
  const used = connectionsMax * DESCRIPTORS_A_CONNECTION + descriptorsReserved(1, kernelPipes(1));
  return Math.max(0, openFilesMax() - used);
}

/** The limit of open files that a process needs for `connectionsMax` connections. */
export function descriptorsNeeded(connectionsMax: number, workers: number): number {
  return (
    connectionsMax * DESCRIPTORS_A_CONNECTION +
    descriptorsReserved(workers, kernelPipesMost(workers, Infinity))
  );
}

function kernelPipes(workers: number): number {
  return HAS_KERNEL_PIPES ? kernelPipesMost(workers) : 0;
}

/**
 * The number of descriptors that the process has open or must keep free, without the descriptors of
 * connections.
 *
 * @param kernelPipes - the maximum number of kernel pipes of each thread
 */
function descriptorsReserved(workers: number, kernelPipes: number): number {
  return (
    DESCRIPTORS_OF_PROCESS +
    workers * kernelPipes * DESCRIPTORS_A_KERNEL_PIPE +
    (workers - 1) * DESCRIPTORS_A_WORKER
  );
}
