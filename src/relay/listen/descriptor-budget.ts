import { libc } from "../../os/libc.ts";
import { openFilesMax } from "../../os/open-files-limit.ts";
import { kernelPipesMost } from "../stream/kernel-pipe.ts";

// Descriptors for the runtime itself, the listener and the log.
const DESCRIPTORS_OF_PROCESS = 32;
const DESCRIPTORS_A_CONNECTION = 2;
const DESCRIPTORS_A_KERNEL_PIPE = 2;
// Descriptors of each further thread: its event loop, and its duplicates of the listener.
const DESCRIPTORS_A_WORKER = 8;
// Descriptors of each further relay: its source, and each thread's duplicates of that source.
const DESCRIPTORS_A_SOURCE = 1;
const DESCRIPTORS_A_LISTENER = 3;

/** How many descriptors the relays after the first one need, without their connections. */
export function descriptorsOfRelays(relays: number, workers: number): number {
  return (relays - 1) * (DESCRIPTORS_A_SOURCE + workers * DESCRIPTORS_A_LISTENER);
}

// Without FFI a client that waits for a place waits in the relay and holds a descriptor there.
const DESCRIPTORS_A_WAITING_CLIENT = libc === null ? 1 : 0;
const HAS_KERNEL_PIPES = libc !== null;

/**
 * The number of connections that the limit of open files allows, at least 1. `others` is the number
 * of descriptors that the process needs for other purposes, such as an admin server. Without FFI it
 * leaves descriptors for as many clients that wait for a place.
 */
export function connectionsMaxDefault(workers = 1, others = 0): number {
  return carried(DESCRIPTORS_A_CONNECTION + DESCRIPTORS_A_WAITING_CLIENT, workers, others);
}

/** The number of connections that the limit of open files allows if no client waits for a place. */
export function connectionsCarried(): number {
  return carried(DESCRIPTORS_A_CONNECTION, 1, 0);
}

function carried(filesEach: number, workers: number, others: number): number {
  const files = openFilesMax() - others;
  return Math.max(
    1,
    Math.floor((files - descriptorsReserved(workers, kernelPipes(files))) / filesEach),
  );
}

/** How many clients can wait for a place, if each holds a descriptor and all connections are open. */
export function waitingClientsMost(connectionsMax: number): number {
  const files = openFilesMax();
  const used =
    connectionsMax * DESCRIPTORS_A_CONNECTION + descriptorsReserved(1, kernelPipes(files));
  return Math.max(0, files - used);
}

/** The limit of open files that a process needs for a number of connections. */
export function descriptorsNeeded(connectionsMax: number, workers: number): number {
  return (
    connectionsMax * DESCRIPTORS_A_CONNECTION +
    descriptorsReserved(workers, kernelPipesMost(Infinity))
  );
}

function kernelPipes(files: number): number {
  return HAS_KERNEL_PIPES ? kernelPipesMost(files) : 0;
}

/** Descriptors that the process has open or must keep free, without those of connections. */
function descriptorsReserved(workers: number, kernelPipes: number): number {
  return (
    DESCRIPTORS_OF_PROCESS +
    workers * kernelPipes * DESCRIPTORS_A_KERNEL_PIPE +
    (workers - 1) * DESCRIPTORS_A_WORKER
  );
}
