import type { Address } from "../load/messages.ts";

/** A relay to be started. */
export interface Task {
  readonly source: Address;
  readonly destination: Address;
  /** A path in the bench's folder, without an extension, that is this relay's alone. */
  readonly path: string;
}

/** A relaying program that is on this machine. */
export interface Peer {
  /** As the program tells it. */
  readonly version: string;
  /** The command that starts it, with what that needs in place. It stays in the foreground. */
  command(task: Task): Promise<readonly string[]> | readonly string[];
}

/** The connections at once that a peer is allowed, where it wants to know. */
export const MOST_CONNECTIONS = 10_000;
/** The kernel's queue of a peer's source: that of our own relay. */
export const BACKLOG = 4096;
