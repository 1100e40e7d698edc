import { openFilesMax } from "../os/limits.ts";
import type { ListeningSocket } from "./listening-socket.ts";
import type { Observer } from "./observer.ts";

// Descriptors for the runtime itself, the listener, the log and an administrator's connections.
const RESERVED_FILES = 32;
const FILES_A_CONNECTION = 2;

/** As many connections as the limit of open files can carry, at least one. */
export function connectionsMaxDefault(): number {
  return Math.max(1, Math.floor((openFilesMax() - RESERVED_FILES) / FILES_A_CONNECTION));
}

/**
 * Keeps the number of open connections at or below a limit: at the limit the listener pauses, and
 * further clients wait in the kernel's queue until a place is free.
 *
 * Running out of descriptors must be prevented, because Bun then accepts in vain as fast as it can
 * (oven-sh/bun pull 32705).
 */
export class Admission {
  readonly #max: number;
  readonly #listening: ListeningSocket;
  readonly #observer: Observer;
  #full = false;

  constructor(max: number, listening: ListeningSocket, observer: Observer) {
    this.#max = max;
    this.#listening = listening;
    this.#observer = observer;
  }

  /** Whether a further client may be taken in; false only where the listener cannot pause. */
  admits(open: number): boolean {
    return open < this.#max;
  }

  /** After a client was taken in. */
  opened(open: number): void {
    if (this.#full || open < this.#max) return;
    this.#full = this.#listening.pause();
    if (this.#full) this.#observer.full(open);
  }

  /** After a connection has ended. */
  closed(open: number): void {
    if (!this.#full || open >= this.#max) return;
    this.#full = false;
    this.#listening.resume();
  }
}
