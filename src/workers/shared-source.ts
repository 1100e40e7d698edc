import { printAddress, type SocketEndpoint } from "../address/address.ts";
import { errnoCode } from "../os/errno.ts";
import { INT_MOST } from "../os/int-most.ts";
import type { Libc } from "../os/libc.ts";
import { relayError } from "../relay/error.ts";
import type { BunListener } from "../relay/listen/pausable-listener.ts";
import { endpointOf } from "../relay/listen/inherited-socket.ts";
import { type HandedSource, listen } from "../relay/listen/bind-source.ts";
import { type PlacedFile, removeFile } from "../relay/listen/socket-file/placed-file.ts";
import { DEFAULTS, type RelayOptions } from "../relay/options.ts";

/** A source that is bound and queues clients, from which this thread accepts nobody. */
export class SharedSource {
  readonly endpoint: SocketEndpoint;
  readonly file: PlacedFile | null;
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
    file: PlacedFile | null,
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
    const fd = descriptorOf(system, bound.listener);
    if (fd >= 0) return new SharedSource(system, options, fd, bound.port, bound.file);
    if (bound.file !== null) removeFile(bound.file);
    throw relayError("listen on", printAddress(endpointOf(source)), errnoCode(fd));
  }

  /** What a relay in another process needs to listen on it; the descriptor stays this object's. */
  handOn(): HandedSource {
    const { endpoint, fd: descriptor, file } = this;
    return { kind: "handed", endpoint, descriptor, file: file?.identity ?? null };
  }

  /** Listens no more. What the kernel has queued is refused unless somebody else holds the source. */
  close(): void {
    this.#libc.close(this.fd);
  }
}

/** A descriptor of a listening socket on which Bun no longer listens; a negative errno if none is left. */
function descriptorOf(system: Libc, listener: BunListener | number): number {
  if (typeof listener === "number") return listener;
  const fd = system.duplicate(listener.fd);
  listener.stop();
  return fd;
}
