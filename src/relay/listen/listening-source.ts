import type { SocketEndpoint } from "../../address/address.ts";
import { isInOwnNetwork } from "../../os/private-network-namespace.ts";
import {
  type ConnectedSource,
  type HandedSource,
  isInherited,
  type PlacedFile,
  type Source,
} from "../kinds-of-source.ts";
import type { Observer } from "../observer.ts";
import { backlogOf, type ListenOptions } from "./bind-source.ts";
import { endpointOf } from "./inherited-socket.ts";
import { type Listeners, openListeners } from "./open-listeners.ts";
import type { AcceptHandlers } from "./pausable-listener.ts";
import { removeAtStop } from "./socket-file/remove-at-stop.ts";
import { type SourceWatch, watchSource } from "./watch-source.ts";

/** The options of a relay that concern its source. */
interface SourceOptions {
  readonly source: Source | ConnectedSource;
  readonly backlog?: number | undefined;
  readonly sourceNetns?: string | undefined;
}

/** The source of a relay of this thread: its listeners and its socket file, from open to close. */
export class ListeningSource {
  readonly #source: Source | ConnectedSource;
  readonly #netns: string | undefined;
  readonly #observer: Observer;
  readonly #isInherited: boolean;
  /** The queue length that the relay requests from the kernel. */
  readonly #backlog: number;
  #endpoint: SocketEndpoint;
  #listeners: Listeners | null = null;
  #file: PlacedFile | null = null;
  /**
   * True if `hide` could not remove the file, because no descriptor was free for the removal. In
   * this case `stop` must remove the file.
   */
  #fileIsLeft = false;
  /**
   * Watches the source's file or network namespace. Null if the source depends on neither, and
   * before `watch`.
   */
  #watch: SourceWatch | null = null;

  /** @throws {RelayError} if the source is a descriptor that does not listen. */
  constructor(options: SourceOptions, observer: Observer) {
    const { source, sourceNetns } = options;
    this.#endpoint = endpointOf(source);
    this.#source = source;
    this.#netns = sourceNetns;
    this.#observer = observer;
    this.#isInherited = isInherited(source);
    this.#backlog = backlogOf(source, options);
  }

  /**
   * The address of the source. If the user asked for port 0, `open` replaces port 0 by the port
   * that the system chose.
   */
  get endpoint(): SocketEndpoint {
    return this.#endpoint;
  }

  /** Whether this process's own network namespace contains the source. */
  get isInOwnNetwork(): boolean {
    const { descriptors = [] } = this.#listeners ?? {};
    return this.#netns === undefined && (!this.#isInherited || descriptors.every(isInOwnNetwork));
  }

  /**
   * Whether a relay in another process handed the source over. If true, the socket file belongs to
   * that relay until the handover is complete.
   */
  get isHanded(): boolean {
    return this.#source.kind === "handed";
  }

  /**
   * Binds the source and accepts clients from it.
   *
   * @throws {RelayError} as `openListeners` does
   */
  async open<Data>(options: ListenOptions, handlers: AcceptHandlers<Data>): Promise<Listeners> {
    const { listeners, endpoint, file } = await openListeners(this.#source, options, handlers);
    this.#listeners = listeners;
    this.#endpoint = endpoint;
    this.#file = file;
    return listeners;
  }

  /** Reports from now on when clients cannot find the source any more, or can find it again. */
  watch(): void {
    this.#watch = watchSource(this.#file, this.#netns, this.#observer);
  }

  /** Checks at once whether clients can find the source, if `watch` was called. */
  look(): void {
    this.#watch?.look();
  }

  forHandover(): HandedSource {
    return {
      kind: "handed",
      endpoint: this.#endpoint,
      fds: this.#listeners?.descriptors ?? [],
      file: this.#file?.identity ?? null,
      backlog: this.#backlog,
    };
  }

  /** Ends the watch that `watch` began: no check and no report about the source follows. */
  stopWatching(): void {
    this.#watch?.[Symbol.dispose]();
  }

  /**
   * Removes the socket file, so that nobody else can connect, and waits until the clients that were
   * already in the socket's queue are accepted. Does not wait if the socket is inherited, because
   * the next process that accepts from the socket gets these clients.
   */
  async hide(): Promise<void> {
    this.#fileIsLeft = !removeAtStop(this.#file, this.#observer, { isLastTry: false });
    if (!this.#isInherited) await new Promise(setImmediate);
  }

  /** Closes the listeners. */
  stop(): void {
    this.#listeners?.stop();
    if (this.#fileIsLeft) removeAtStop(this.#file, this.#observer);
    this.#fileIsLeft = false;
  }

  /** Undoes `open`, because the start of the relay has failed. */
  abandon(): void {
    this.stop();
    if (!this.isHanded) removeAtStop(this.#file, this.#observer);
  }
}
