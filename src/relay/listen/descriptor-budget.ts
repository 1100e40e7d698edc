import { openFilesMax } from "../../os/open-files-limit.ts";
import { kernelPipesMost } from "../stream/kernel-pipe.ts";

// Descriptors for the runtime itself, the listener and the log.
const FILES_OF_PROCESS = 32;
const FILES_A_CONNECTION = 2;
const FILES_A_KERNEL_PIPE = 2;
// A further thread's event loop, and its own descriptors of the listener.
const FILES_A_WORKER = 8;
// A further relay's source, and what each thread has of it.
const FILES_A_SOURCE = 1;
const FILES_A_LISTENER = 3;

/** How many files the relays of one process need beyond the first one, without connections. */
export function filesOfRelays(relays: number, workers: number): number {
  return (relays - 1) * (FILES_A_SOURCE + workers * FILES_A_LISTENER);
}

/**
 * As many connections as the limit of open files can carry, at least one. `others` is how many files
 * the process needs for something else, such as an admin server.
 */
export function connectionsMaxDefault(workers = 1, others = 0): number {
  const files = openFilesMax() - others;
  const reserved = filesReserved(workers, kernelPipesMost(files));
  return Math.max(1, Math.floor((files - reserved) / FILES_A_CONNECTION));
}

/** How many files a process must be allowed to open to carry so many connections. */
export function filesNeeded(connectionsMax: number, workers: number): number {
  return connectionsMax * FILES_A_CONNECTION + filesReserved(workers, kernelPipesMost(Infinity));
}

/** Files that are open, or must be free to be opened, beside those of connections. */
function filesReserved(workers: number, kernelPipes: number): number {
  return (
    FILES_OF_PROCESS + workers * kernelPipes * FILES_A_KERNEL_PIPE + (workers - 1) * FILES_A_WORKER
  );
}
