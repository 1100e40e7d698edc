import { printAddress, type SocketEndpoint } from "../../address/address.ts";
import { errorCode, SystemCallError } from "../../os/errno.ts";
import { loaded } from "../../os/libc.ts";
import { RelayError } from "../error.ts";
import type { ListenOptions } from "./bind-source.ts";
import { bindTcp, type TcpBinder } from "./bind-tcp-addresses.ts";
import { adoptListener, type BunListener } from "./bun-listener.ts";
import { endpointOf } from "./inherited-socket.ts";
import { listenError } from "./listen-error.ts";
import type { AcceptHandlers, PausableListener } from "./pausable-listener.ts";
import { listenOnPath } from "./socket-file/listen-on-path.ts";

import { checkSourceNetwork } from "../check-network-namespaces.ts";
import { type PlacedFile, handedFile, type Source } from "../kinds-of-source.ts";
import { PauseWithoutFfi, type PauseWithoutFfiOptions } from "./pause-without-ffi.ts";

/** A source that Bun has bound and from which Bun accepts clients. */
export interface BunSource {
  readonly listeners: readonly PausableListener[];
  readonly endpoint: SocketEndpoint;
  readonly file: PlacedFile | null;
}

// The default limit of clients that wait while the source is paused. Only the admin server uses
// this default.
const FEW_WAIT: PauseWithoutFfiOptions = { most: 16, refused() {} };

/**
 * Binds a source with Bun's own listen, for use without FFI. This differs from `bindSource`:
 *
 * - Bun ignores the queue length.
 * - While the source is paused, clients wait in the relay, not in the kernel's queue.
 * - An abstract name has at most 106 bytes, not 107.
 * - The options `freebind` and `sourceNetns`, and inherited descriptors (`fd:N`), are errors.
 *
 * @throws {RelayError} as `bindSource` does.
 */
export async function bindWithBun<Data>(
  source: Source,
  options: ListenOptions,
  handlers: AcceptHandlers<Data>,
): Promise<BunSource> {
  try {
    const room = new PauseWithoutFfi(handlers, options.waiting ?? FEW_WAIT);
    const { listeners, endpoint, file } = await bind(source, options, room.handlers);
    return { listeners: [room.guard(listeners)], endpoint, file };
  } catch (error) {
    throw listenError(source, error, options);
  }
}

/** The listeners that Bun has bound, before they are passed to `PauseWithoutFfi`. */
interface Bound {
  readonly listeners: readonly BunListener[];
  readonly endpoint: SocketEndpoint;
  readonly file: PlacedFile | null;
}

async function bind<Data>(
  source: Source,
  options: ListenOptions,
  handlers: AcceptHandlers<Data>,
): Promise<Bound> {
  const { notice = () => {}, sourceNetns } = options;
  if (source.kind === "tcp" || source.kind === "abstract") checkSourceNetwork(source, sourceNetns);
  const bindUnix = (unix: string) => Bun.listen({ unix, allowHalfOpen: true, socket: handlers });
  const bound = (
    listeners: readonly BunListener[],
    endpoint: SocketEndpoint,
    file: PlacedFile | null = null,
  ): Bound => ({ listeners, endpoint, file });
  switch (source.kind) {
    case "tcp": {
      if (options.freebind === true) throw cannotFreebind(source);
      const { sockets, port } = await bindTcp(source, tcpBinder(handlers), notice);
      return bound(sockets, { ...source, port });
    }
    case "unix": {
      const { listener, file } = await listenOnPath(source.path, options, bindUnix);
      return bound([listener], source, file);
    }
    case "abstract":
      return bound([bindUnix(`\0${source.name}`)], source);
    case "fd":
      return bound([adoptListener(source.fd, handlers)], endpointOf(source));
    case "descriptors":
      return bound(adoptAll(source.fds, handlers), source.endpoint);
    case "handed":
      return bound(adoptAll(source.fds, handlers), source.endpoint, handedFile(source));
  }
}

function cannotFreebind(source: SocketEndpoint): RelayError {
  const address = printAddress(source);
  const reason = loaded.libc === null ? ` (${loaded.reason})` : "";
  return new RelayError(
    "ENOSYS",
    address,
    `cannot listen on ${address} with --freebind: that needs FFI${reason}; ` +
      "in a systemd unit: MemoryDenyWriteExecute=no",
  );
}

function adoptAll<Data>(fds: readonly number[], handlers: AcceptHandlers<Data>): BunListener[] {
  return fds.map((fd) => adoptListener(fd, handlers));
}

function tcpBinder<Data>(handlers: AcceptHandlers<Data>): TcpBinder<Bun.TCPSocketListener<Data>> {
  return {
    bind(hostname, port) {
      try {
        return Bun.listen({ hostname, port, allowHalfOpen: true, socket: handlers });
      } catch (error) {
        throw named(error);
      }
    },
    port: (listener) => listener.port,
    close: (listener) => listener.stop(),
  };
}

/**
 * Returns an error that has a code. Bun's error has no code if socket(2) failed, normally because
 * the system does not support the address family. In this case the result has the code
 * EAFNOSUPPORT.
 */
function named(error: unknown): unknown {
  const hasCode = error instanceof Error && errorCode(error) !== error.message;
  return hasCode ? error : new SystemCallError("EAFNOSUPPORT");
}
