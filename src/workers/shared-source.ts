import type { SocketEndpoint } from "../address/address.ts";
import type { Libc } from "../os/libc.ts";
import { backlogOf, bindSource, type BoundSource } from "../relay/listen/bind-source.ts";

import { needsAddresses } from "../relay/admission/client-admission.ts";
import { endpointOf } from "../relay/listen/inherited-socket.ts";
import { type PlacedFile, type HandedSource, isInherited } from "../relay/kinds-of-source.ts";
import type { RelayOptions } from "../relay/options.ts";

/**
 * A bound source from which only the workers accept clients. The thread that bound the source
 * accepts no clients.
 */
export class SharedSource {
  readonly endpoint: SocketEndpoint;
  readonly file: PlacedFile | null;
  /**
   * Whether the source was passed to this process, for example by systemd. Another process may then
   * still listen on it after this process has closed it.
   */
  readonly inherited: boolean;
  readonly fds: readonly number[];
  readonly backlog: number;
  readonly #libc: Libc;

  private constructor(system: Libc, options: RelayOptions, { fds, endpoint, file }: BoundSource) {
    this.endpoint = endpoint;
    this.file = file;
    this.inherited = isInherited(options.source);
    this.fds = fds;
    this.backlog = backlogOf(options.source, options);
    this.#libc = system;
  }

  /**
   * Binds the source.
   *
   * @param notice - called with a message if the relay cannot listen on all addresses of the
   * source's host, for example on only one of the two addresses of `localhost`
   * @throws {RelayError} if the source cannot be bound.
   */
  static async bind(
    system: Libc,
    options: RelayOptions,
    notice: (message: string) => void,
  ): Promise<SharedSource> {
    const bound = await bindSource(system, options.source, {
      ...options,
      notice,
      keepsFirstPackets: needsAddresses(options, endpointOf(options.source)),
    });
    return new SharedSource(system, options, bound);
  }

  /**
   * Returns the data with which a relay in another process takes over the source. This object still
   * owns the descriptors.
   */
  forHandover(): HandedSource {
    const { endpoint, fds, file, backlog } = this;
    return { kind: "handed", endpoint, fds, file: file?.identity ?? null, backlog };
  }

  /**
   * Closes the source in this thread. The kernel refuses the clients in its queue unless another
   * descriptor of the socket is open, for example in another process.
   */
  close(): void {
    for (const fd of this.fds) this.#libc.close(fd);
  }
}
