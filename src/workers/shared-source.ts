import type { SocketEndpoint } from "../address/address.ts";
import type { Libc } from "../os/libc.ts";
import { removeAtStop } from "../relay/listen/socket-file/remove-at-stop.ts";
import { type SourceWatch, watchSource } from "../relay/listen/watch-source.ts";
import type { Observer } from "../relay/observer.ts";
import {
  backlogOf,
  bindSource,
  type BoundSource,
  type ListenOptions,
} from "../relay/listen/bind-source.ts";
import { needsAddresses } from "../relay/admission/admit-or-refuse-client.ts";
import { endpointOf } from "../relay/listen/inherited-socket.ts";
import { type PlacedFile, type HandedSource, isInherited } from "../relay/kinds-of-source.ts";
import type { RelayOptions } from "../relay/options.ts";

// The pause between two tries of `close` to remove the socket file, in milliseconds. A try fails if
// no descriptor is free.
const REMOVE_EVERY = 10;
// The default maximum of the sum of all pauses in one call of `close`, in milliseconds.
const REMOVE_PATIENCE = 1_000;

/**
 * A bound source from which only the workers accept clients. The thread that bound the source
 * accepts no clients.
 */
export class SharedSource {
  readonly endpoint: SocketEndpoint;
  readonly #file: PlacedFile | null;
  readonly #netns: string | undefined;
  /**
   * Whether the source was passed to this process, for example by systemd. If true, another process
   * may still listen on the source after this process has closed its descriptors.
   */
  readonly inherited: boolean;
  /**
   * Whether a relay in another process handed the source over. If true, the socket file belongs to
   * that relay until the handover is complete.
   */
  readonly isHanded: boolean;
  readonly fds: readonly number[];
  readonly backlog: number;
  readonly #libc: Libc;
  #watch: SourceWatch | null = null;
  /**
   * Whether `close` must remove the socket file, because no descriptor was left when `removeFile`
   * tried to remove the file.
   */
  #fileIsLeft = false;

  private constructor(system: Libc, options: RelayOptions, { fds, endpoint, file }: BoundSource) {
    this.endpoint = endpoint;
    this.#file = file;
    this.#netns = options.sourceNetns;
    this.inherited = isInherited(options.source);
    this.isHanded = options.source.kind === "handed";
    this.fds = fds;
    this.backlog = backlogOf(options.source, options);
    this.#libc = system;
  }

  /**
   * Binds the source.
   *
   * @throws {RelayError} if the source cannot be bound.
   */
  static async bind(
    system: Libc,
    options: RelayOptions,
    { notice, placed }: Pick<ListenOptions, "notice" | "placed">,
  ): Promise<SharedSource> {
    const bound = await bindSource(system, options.source, {
      ...options,
      ...{ notice, placed },
      keepsFirstPackets: needsAddresses(options, endpointOf(options.source)),
    });
    return new SharedSource(system, options, bound);
  }

  /**
   * Returns the data with which a relay in another process takes over the source. This object still
   * owns the descriptors.
   */
  forHandover(): HandedSource {
    const { endpoint, fds, backlog } = this;
    return { kind: "handed", endpoint, fds, file: this.#file?.identity ?? null, backlog };
  }

  /** Reports from now on when clients cannot find the source any more, or can find it again. */
  watch(observer: Observer): void {
    this.#watch = watchSource(this.#file, this.#netns, observer);
  }

  /** Checks at once, as `watch` does regularly, whether clients can find the source. */
  look(): void {
    this.#watch?.look();
  }

  /** Ends the checks and the reports of `watch`. */
  stopWatching(): void {
    this.#watch?.[Symbol.dispose]();
  }

  /**
   * Removes the socket file, so that new clients cannot connect. `observer` learns why a file
   * cannot be removed.
   */
  removeFile(observer: Observer): void {
    this.#fileIsLeft = !removeAtStop(this.#file, observer, { isLastTry: false });
  }

  /**
   * Closes the source in this thread. The kernel refuses the clients in its queue unless another
   * descriptor of the socket is open, for example in another process.
   *
   * If no descriptor was free when `removeFile` tried to remove the socket file, this method
   * removes the file. The removal may need several tries, because other threads may take the closed
   * descriptors first.
   *
   * @param patience - the maximum time of all pauses between the tries together, in milliseconds
   */
  async close(observer: Observer, { patience = REMOVE_PATIENCE } = {}): Promise<void> {
    for (const fd of this.fds) this.#libc.close(fd);
    for (let waited = 0; this.#fileIsLeft; waited += REMOVE_EVERY) {
      const isLastTry = waited >= patience;
      this.#fileIsLeft = !removeAtStop(this.#file, observer, { isLastTry });
      if (this.#fileIsLeft) await Bun.sleep(REMOVE_EVERY);
    }
  }
}
