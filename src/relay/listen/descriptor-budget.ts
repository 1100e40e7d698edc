import { openFilesMax } from "../../os/open-files-limit.ts";
import { kernelPipesMost } from "../stream/kernel-pipe.ts";

// Descriptors for the runtime itself, the listener and the log.
const FILES_OF_PROCESS = 32;
const FILES_A_CONNECTION = 2;
const FILES_A_KERNEL_PIPE = 2;
// Descriptors of each further thread: its event loop, and its duplicates of the listener.
const FILES_A_WORKER = 8;
// Descriptors of each further relay: its source, and each thread's duplicates of that source.
const FILES_A_SOURCE = 1;
const FILES_A_LISTENER = 3;

/** How many descriptors the relays after the first one need, without their connections. */
export function filesOfRelays(relays: number, workers: number): number {
  return (relays - 1) * (FILES_A_SOURCE + workers * FILES_A_LISTENER);
}

/**
 * The number of connections that the limit of open files allows, at least 1. `others` is the number
 * of descriptors that the process needs for other purposes, such as an admin server.
 */
export function connectionsMaxDefault(workers = 1, others = 0): number {
  const files = openFilesMax() - others;
  const reserved = filesReserved(workers, kernelPipesMost(files));
  return Math.max(1, Math.floor((files - reserved) / FILES_A_CONNECTION));
}

/** The limit of open files that a process needs for a number of connections. */
export function filesNeeded(connectionsMax: number, workers: number): number {
  return connectionsMax * FILES_A_CONNECTION + filesReserved(workers, kernelPipesMost(Infinity));
}

/** Descriptors that the process has open or must keep free, without those of connections. */
function filesReserved(workers: number, kernelPipes: number): number {
  return (
    FILES_OF_PROCESS + workers * kernelPipes * FILES_A_KERNEL_PIPE + (workers - 1) * FILES_A_WORKER
  );
}
