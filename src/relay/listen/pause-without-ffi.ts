import { closeSync, openSync } from "node:fs";
import type { Socket } from "bun";
import { descriptorShortage } from "../../os/descriptor-shortage.ts";
import type { BunListener } from "./bun-listener.ts";
import type { AcceptHandlers, PausableListener } from "./pausable-listener.ts";

/** The limit of clients that wait in the relay while a source is paused. Used only without FFI. */
export interface PauseWithoutFfiOptions {
  /** The maximum number of clients that wait at the same time. */
  readonly most: number;
  /** Called for each client above the limit, after it was reset. */
  readonly refused: () => void;
}

/**
 * Pauses the listeners of a source without FFI. Bun's listeners cannot pause, so the relay still
 * accepts clients. The accepted clients wait here, in order of arrival, and the relay reads nothing
 * from a waiting client until `resume`. A waiting client holds a descriptor, so the number of
 * waiting clients is limited. Clients above the limit are reset.
 *
 * If no descriptor is free, Bun calls accept in a busy loop (oven-sh/bun pull 32705). So one
 * descriptor must be free while the source is paused. The relay holds a spare descriptor and closes
 * it in `pause`, because every other descriptor may be in use by then. A waiting client that takes
 * the last free descriptor is reset.
 */
export class PauseWithoutFfi<Data> implements PausableListener {
  /** The handlers that Bun's listeners must have. */
  readonly handlers: AcceptHandlers<Data>;
  readonly #admitted: AcceptHandlers<Data>;
  readonly #options: PauseWithoutFfiOptions;
  readonly #waiting = new Set<Socket<Data>>();
  #listeners: readonly BunListener[] = [];
  #paused = false;
  /**
   * The spare descriptor, of /dev/null. `pause` closes it, so that a descriptor is free. Null
   * before `guard`, while paused, and if no descriptor was left.
   */
  #spare: number | null = null;

  constructor(admitted: AcceptHandlers<Data>, options: PauseWithoutFfiOptions) {
    this.#admitted = admitted;
    this.#options = options;
    this.handlers = this.#watch(admitted);
  }

  /** Takes over listeners that were opened with `handlers`. */
  guard(listeners: readonly BunListener[]): this {
    this.#listeners = listeners;
    this.#spare = openSpare();
    return this;
  }

  pause(): boolean {
    this.#paused = true;
    this.#closeSpare();
    return true;
  }

  resume(): boolean {
    this.#paused = false;
    this.#spare ??= openSpare();
    for (const socket of this.#waiting) {
      // The client that was admitted last may have reached the limit of connections and so paused
      // the source again.
      if (this.#paused) break;
      this.#waiting.delete(socket);
      socket.resume();
      this.#admit(socket);
    }
    return true;
  }

  /** Calls the handler `open` as Bun does: the handler `error` gets an error that `open` throws. */
  #admit(socket: Socket<Data>): void {
    try {
      void this.#admitted.open?.(socket);
    } catch (error) {
      if (error instanceof Error) void this.#admitted.error?.(socket, error);
    }
  }

  stop(): void {
    for (const listener of this.#listeners) listener.stop();
    for (const socket of this.#waiting) socket.terminate();
    this.#waiting.clear();
    this.#closeSpare();
  }

  #closeSpare(): void {
    if (this.#spare !== null) closeSync(this.#spare);
    this.#spare = null;
  }

  #watch(admitted: AcceptHandlers<Data>): AcceptHandlers<Data> {
    const waits = (socket: Socket<Data>) => this.#waiting.size > 0 && this.#waiting.has(socket);
    return {
      ...admitted,
      open: (socket) => (this.#paused ? this.#arrive(socket) : admitted.open?.(socket)),
      // If a waiting client resets its connection, Bun reports the events `data` and `close`,
      // although the socket is paused.
      data: (socket, chunk) => (waits(socket) ? undefined : admitted.data?.(socket, chunk)),
      drain: (socket) => (waits(socket) ? undefined : admitted.drain?.(socket)),
      end: (socket) => (waits(socket) ? undefined : admitted.end?.(socket)),
      close: (socket, error) =>
        this.#waiting.delete(socket) ? undefined : admitted.close?.(socket, error),
    };
  }

  #arrive(socket: Socket<Data>): void {
    // Add every client, even a client that is reset below: the handlers ignore the events of the
    // clients in `#waiting`.
    this.#waiting.add(socket);
    if (this.#waiting.size <= this.#options.most && descriptorShortage(1) === null) {
      socket.pause();
      return;
    }
    socket.terminate();
    this.#options.refused();
  }
}

/** Opens a spare descriptor; null if no descriptor is left. */
function openSpare(): number | null {
  try {
    return openSync("/dev/null", "r");
  } catch {
    // The next `resume` tries again to open a spare descriptor.
    return null;
  }
}
