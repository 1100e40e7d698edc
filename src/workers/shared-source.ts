import { printAddress, type SocketEndpoint } from "../address/address.ts";
import { errnoCode } from "../os/errno.ts";
import { INT_MOST } from "../os/int-most.ts";
import type { Libc } from "../os/libc.ts";
import { relayError } from "../relay/error.ts";
import { endpointOf } from "../relay/listen/inherited-socket.ts";
import { listen, type SourceFile } from "../relay/listen/bind-source.ts";
import { DEFAULTS, type RelayOptions } from "../relay/options.ts";

/** A source that is bound and queues clients, from which this thread accepts nobody. */
export class SharedSource {
  readonly endpoint: SocketEndpoint;
  readonly file: SourceFile | null;
  /** Whether somebody else may listen on it next. */
  readonly inherited: boolean;
  readonly fd: number;
  readonly backlog: number;
  readonly #libc: Libc;

  private constructor(
    system: Libc,
    { source, backlog }: RelayOptions,
    fd: number,
    port: number,
    file: SourceFile | null,
  ) {
    const endpoint = endpointOf(source.kind === "fd" ? { ...source, fd } : source);
    this.endpoint = endpoint.kind === "tcp" && port !== 0 ? { ...endpoint, port } : endpoint;
    this.file = file;
    this.inherited = source.kind === "fd";
    this.fd = fd;
    this.backlog = backlog ?? (this.inherited ? INT_MOST : DEFAULTS.backlog);
    this.#libc = system;
    system.listen(fd, this.backlog);
  }

  /**
   * Binds the source.
   *
   * @throws {RelayError} as `listen` does.
   */
  static async bind(system: Libc, options: RelayOptions): Promise<SharedSource> {
    const { source, keepalive = DEFAULTS.keepalive } = options;
    // Nothing is ever accepted here: Bun's listener goes within this turn of the loop.
    const bound = await listen(source, options, keepalive, { data() {} });
    const fd = system.duplicate(bound.listener.fd);
    bound.listener.stop();
    if (fd >= 0) return new SharedSource(system, options, fd, bound.port, bound.file);
    bound.file?.remove();
    throw relayError("listen on", printAddress(source), errnoCode(fd));
  }

  /** Listens no more. What the kernel has queued is refused unless somebody else holds the source. */
  close(): void {
    this.#libc.close(this.fd);
  }
}
