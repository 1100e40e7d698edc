import type { SocketEndpoint } from "../../address/address.ts";
import { type Libc, libc } from "../../os/libc.ts";
import { backlogOf, bindSource, type ListenOptions } from "./bind-source.ts";
import { bindWithBun } from "./bind-with-bun.ts";
import { GatedListener } from "./pause-by-swapped-descriptor.ts";
import type { AcceptHandlers, PausableListener } from "./pausable-listener.ts";
import { ReopenedListener } from "./pause-by-reopening.ts";
import { listenError } from "./listen-error.ts";
import { removeFile } from "./socket-file/identify-and-remove.ts";
import type { PlacedFile, ConnectedSource, Source } from "../kinds-of-source.ts";

/** A source that accepts clients. */
export interface Listening {
  readonly listeners: Listeners;
  /** The source, with the port that the system chose if port 0 was asked for. */
  readonly endpoint: SocketEndpoint;
  /** The file of a Unix source; null for other sources. */
  readonly file: PlacedFile | null;
}

/**
 * Binds a source and accepts clients from it.
 *
 * @throws {RelayError} with the system's code and the address. The message says how to fix the
 *   problem, if that is known.
 */
export async function openListeners<Data>(
  source: Source | ConnectedSource,
  options: ListenOptions,
  handlers: AcceptHandlers<Data>,
): Promise<Listening> {
  if (source.kind === "connected") return await adoptClient(source, handlers);
  if (libc === null) {
    const { listeners, endpoint, file } = await bindWithBun(source, options, handlers);
    return { listeners: new Listeners(listeners, []), endpoint, file };
  }
  const system = libc;
  const { fds, endpoint, file } = await bindSource(system, source, options);
  const backlog = backlogOf(source, options);
  const opened: PausableListener[] = [];
  try {
    for (const fd of fds) opened.push(acceptFrom(system, fd, backlog, handlers));
  } catch (error) {
    // Close the descriptors first, because the removal of the file needs a free descriptor.
    for (const listener of opened) listener.stop();
    for (const fd of fds.slice(opened.length)) system.close(fd);
    // During a handover the socket file still belongs to the relay that hands over.
    if (file !== null && source.kind !== "handed") removeFile(file);
    throw listenError(source, error, options);
  }
  return { listeners: new Listeners(opened, fds), endpoint, file };
}

/**
 * Opens a source that is one connected client (`ConnectedSource`): gives the client's socket to
 * Bun. Bun then calls the handlers as for an accepted client.
 */
async function adoptClient<Data>(
  { fd, endpoint }: ConnectedSource,
  handlers: AcceptHandlers<Data>,
): Promise<Listening> {
  await Bun.connect({ fd, allowHalfOpen: true, socket: handlers });
  return { listeners: new Listeners([], []), endpoint, file: null };
}

/** Accepts clients from a listening descriptor. The returned listener owns the descriptor. */
function acceptFrom<Data>(
  system: Libc,
  fd: number,
  backlog: number,
  handlers: AcceptHandlers<Data>,
): PausableListener {
  return (
    GatedListener.open(system, fd, handlers) ?? ReopenedListener.open(system, fd, backlog, handlers)
  );
}

/** The listeners of one source. They pause and resume together. */
export class Listeners implements PausableListener {
  readonly #listeners: readonly PausableListener[];
  /** The listening descriptors, which another thread or process can share; empty without FFI. */
  readonly descriptors: readonly number[];

  constructor(listeners: readonly PausableListener[], descriptors: readonly number[]) {
    this.#listeners = listeners;
    this.descriptors = descriptors;
  }

  pause(): boolean {
    return this.#listeners.every((listener) => listener.pause());
  }

  resume(): boolean {
    if (this.#listeners.every((listener) => listener.resume())) return true;
    // Do not leave some listeners resumed, because callers assume that all listeners are paused
    // after a failure.
    this.pause();
    return false;
  }

  stop(): void {
    for (const listener of this.#listeners) listener.stop();
  }
}
