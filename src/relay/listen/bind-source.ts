import { isSameAddress, printAddress, type SocketEndpoint } from "../../address/address.ts";
import { isInOwnNetwork } from "../../os/private-network-namespace.ts";
import { leadToSameFile } from "../../os/same-file.ts";
import { RelayError } from "../error.ts";
import { abstractAddress, unixAddress } from "../../address/socket-address.ts";
import { keepFirstPackets } from "../../address/tcp-peer-or-saved-syn.ts";
import { checked } from "../../os/errno.ts";
import { INT_MAX } from "../../os/int-max.ts";
import type { Libc } from "../../os/libc.ts";
import { setKeepalive } from "../connection/keepalive.ts";
import { callsFor, checkSourceNetwork } from "../check-network-namespaces.ts";
import { DEFAULTS } from "../options.ts";
import { bindTcp } from "./bind-tcp-addresses.ts";
import { endpointOf } from "./inherited-socket.ts";
import { listenError } from "./listen-error.ts";
import { openListeningSocket, tcpBinder } from "./open-listening-socket.ts";
import { listenOnPath, type SocketFileOptions } from "./socket-file/listen-on-path.ts";

import type { PauseWithoutFfiOptions } from "./pause-without-ffi.ts";
import {
  type PlacedFile,
  type ConnectedSource,
  handedFile,
  isInherited,
  type Source,
} from "../kinds-of-source.ts";

/** The options for listening on a source. */
export interface ListenOptions extends SocketFileOptions {
  /** See `RelayOptions.backlog`. */
  readonly backlog?: number | undefined;
  /**
   * The idle time, in milliseconds, after which the kernel sends TCP keepalive probes to an
   * accepted client; 0 for no probes.
   */
  readonly keepalive?: number | undefined;
  /** See `RelayOptions.freebind`. */
  readonly freebind?: boolean | undefined;
  /** The network namespace of a TCP or abstract source; undefined for this process's namespace. */
  readonly sourceNetns?: string | undefined;
  /**
   * Whether the kernel keeps the first packet (SYN) of each TCP client, so that the relay learns
   * the address even of a client that resets the connection at once.
   */
  readonly keepsFirstPackets?: boolean | undefined;
  /**
   * The name of the command-line option that gave the address, for error messages; undefined for a
   * relay's source.
   */
  readonly option?: string | undefined;
  /**
   * The limit of clients that wait in the relay while the source is paused. Used only without FFI.
   * Default: 16 clients.
   */
  readonly waiting?: PauseWithoutFfiOptions | undefined;
  /**
   * Called with a message for debugging if the source's host stands for several addresses and the
   * system lacks one of them (see `bindTcp`). In this case the relay listens without this address.
   */
  readonly notice?: ((message: string) => void) | undefined;
}

/** The listening sockets of a source; nobody accepts from them yet. */
export interface BoundSource {
  /** The descriptors, at least one; the caller owns them. */
  readonly fds: readonly number[];
  /** The source, with the port that the system chose if port 0 was asked for. */
  readonly endpoint: SocketEndpoint;
  /** The file of a Unix source; null for other sources. */
  readonly file: PlacedFile | null;
}

/**
 * Refuses an inherited source if its address is the destination, or if the destination's path leads
 * to the source's file, because the relay would connect to itself.
 */
function refuseOwnDestination(
  fds: readonly number[],
  endpoint: SocketEndpoint,
  destination: SocketEndpoint | undefined,
): void {
  if (destination === undefined || !isSameSocket(endpoint, destination)) return;
  // The same address in another network namespace is another socket.
  if (endpoint.kind !== "unix" && !fds.every(isInOwnNetwork)) return;
  const address = printAddress(endpoint);
  throw new RelayError(
    "ELOOP",
    address,
    `cannot listen on ${address}: DESTINATION ${printAddress(destination)} leads to the same ` +
      "socket, and the relay would only talk to itself",
  );
}

function isSameSocket(endpoint: SocketEndpoint, destination: SocketEndpoint): boolean {
  if (isSameAddress(endpoint, destination)) return true;
  if (endpoint.kind !== "unix" || destination.kind !== "unix") return false;
  return leadToSameFile(endpoint.path, destination.path);
}

/** Returns the queue length to request from the kernel for a source. */
export function backlogOf(source: Source | ConnectedSource, { backlog }: ListenOptions): number {
  return backlog ?? (isInherited(source) ? INT_MAX : DEFAULTS.backlog);
}

/**
 * Binds the source and listens on it, with system calls through FFI. Bun's own listen cannot set
 * the queue length and loses some error codes. When a Unix listener of Bun stops, Bun removes any
 * file at the path that the listener was bound to.
 *
 * @throws {RelayError} with the system's code and the address. The message says how to fix the
 *   problem, if that is known.
 */
export async function bindSource(
  system: Libc,
  source: Source,
  options: ListenOptions,
): Promise<BoundSource> {
  try {
    const bound = await bind(system, source, options);
    if (options.keepsFirstPackets === true)
      for (const fd of bound.fds) keepFirstPackets(system, fd);
    return bound;
  } catch (error) {
    throw listenError(source, error, options);
  }
}

async function bind(own: Libc, source: Source, options: ListenOptions): Promise<BoundSource> {
  const { sourceNetns } = options;
  const system = callsFor(own, sourceNetns);
  if (source.kind === "tcp" || source.kind === "abstract") checkSourceNetwork(source, sourceNetns);
  const backlog = backlogOf(source, options);
  const { keepalive = DEFAULTS.keepalive, freebind = false, notice = () => {} } = options;
  switch (source.kind) {
    case "tcp": {
      const binder = tcpBinder(system, { backlog, keepalive, freebind, netns: sourceNetns });
      const { sockets, port } = await bindTcp(source, binder, notice);
      return { fds: sockets, endpoint: { ...source, port }, file: null };
    }
    case "unix": {
      const { listener, file } = await listenOnPath(source.path, options, (name) => {
        const fd = openListeningSocket(system, unixAddress(name), backlog);
        return { fd, stop: () => void system.close(fd) };
      });
      return { fds: [listener.fd], endpoint: source, file };
    }
    case "abstract": {
      const fd = openListeningSocket(system, abstractAddress(source.name), backlog);
      return { fds: [fd], endpoint: source, file: null };
    }
    case "fd":
    case "descriptors":
    case "handed": {
      const endpoint = endpointOf(source);
      const fds = source.kind === "fd" ? [source.fd] : source.fds;
      refuseOwnDestination(fds, endpoint, options.destination);
      for (const fd of fds) {
        checked(system.prepare(fd));
        if (endpoint.kind === "tcp") setKeepalive(fd, keepalive);
        // The predecessor already listens on a handed-over socket. Call listen(2) again only to
        // change the queue length.
        if (source.kind !== "handed" || source.backlog !== backlog)
          checked(system.listen(fd, backlog));
      }
      return { fds, endpoint, file: source.kind === "handed" ? handedFile(source) : null };
    }
  }
}
