import { isLocalhost, printAddress, type SocketEndpoint } from "../../address/address.ts";
import { errorCode } from "../../os/errno.ts";
import { relayError } from "../error.ts";
import { setKeepalive } from "../connection/keepalive.ts";
import { type AcceptHandlers, type BunListener, listenOn } from "./pausable-listener.ts";
import { listenOnPath, type Permissions } from "./socket-file/listen-on-path.ts";
import type { FileIdentity, PlacedFile } from "./socket-file/placed-file.ts";
import { listenOnUnix } from "./unix-listener.ts";

/** A source that a relay can listen on. */
export type Source = SocketEndpoint | ListeningDescriptor | HandedSource;

/** A descriptor that listens already. */
export interface ListeningDescriptor {
  readonly kind: "fd";
  readonly fd: number;
  /** Where that is, if it is known better than by asking: a file may have been moved since. */
  readonly endpoint?: SocketEndpoint;
}

/**
 * A source that a relay opened, as it hands it on to a relay in another process. That one accepts
 * nobody before it is told to.
 */
export interface HandedSource {
  readonly kind: "handed";
  /** Where the source listens: with the port that the system chose where 0 was asked. */
  readonly endpoint: SocketEndpoint;
  /** The listening descriptor; it is the relay's that listens on this source. */
  readonly descriptor: number;
  /** The file of a Unix source; null of any other. */
  readonly file: FileIdentity | null;
}

/** The bound source of a relay. */
export interface BoundSource {
  /** A descriptor if Bun does not listen on it yet. */
  readonly listener: BunListener | number;
  /** The port of a TCP source, which the system chose where 0 was asked. */
  readonly port: number;
  /** The file of a Unix source. */
  readonly file: PlacedFile | null;
}

/**
 * Binds the source and listens.
 *
 * @throws {RelayError} with the system's code, the address and, where there is one, the mend.
 */
export async function listen(
  source: Source,
  permissions: Permissions,
  keepalive: number,
  handlers: AcceptHandlers,
): Promise<BoundSource> {
  try {
    switch (source.kind) {
      case "tcp":
        return listenOnTcp(source.host, source.port, keepalive, handlers);
      case "unix":
        return await listenOnFile(source.path, permissions, handlers);
      case "abstract":
        return bound(listenOnUnix(source, handlers));
      case "fd":
        return listenOnInherited(source.fd, keepalive, handlers);
      case "handed":
        return takeHanded(source, keepalive);
    }
  } catch (error) {
    const address = source.kind === "handed" ? source.endpoint : source;
    throw relayError("listen on", printAddress(address), error, mendOf(address, errorCode(error)));
  }
}

function bound(
  listener: BunListener | number,
  port = 0,
  file: PlacedFile | null = null,
): BoundSource {
  return { listener, port, file };
}

function takeHanded({ endpoint, descriptor, file }: HandedSource, keepalive: number): BoundSource {
  const port = endpoint.kind === "tcp" ? endpoint.port : 0;
  if (port !== 0) setKeepalive(descriptor, keepalive);
  const isFile = endpoint.kind === "unix" && file !== null;
  return bound(descriptor, port, isFile ? { path: endpoint.path, identity: file } : null);
}

function listenOnTcp(
  host: string,
  port: number,
  keepalive: number,
  handlers: AcceptHandlers,
): BoundSource {
  const bind = (hostname: string) =>
    Bun.listen({ hostname, port, allowHalfOpen: true, socket: handlers });
  const listener =
    host === "" ? bindEverywhere(bind) : bind(isLocalhost(host) ? "127.0.0.1" : host);
  setKeepalive(listener.fd, keepalive);
  return bound(listener, listener.port);
}

/** Every interface: both families through one socket, or IPv4 where the system has no IPv6. */
function bindEverywhere<Listener>(bind: (hostname: string) => Listener): Listener {
  try {
    return bind("::");
  } catch (error) {
    if (errorCode(error) !== "EAFNOSUPPORT" && errorCode(error) !== "EADDRNOTAVAIL") throw error;
    return bind("0.0.0.0");
  }
}

async function listenOnFile(
  path: string,
  permissions: Permissions,
  handlers: AcceptHandlers,
): Promise<BoundSource> {
  const bind = (name: string) => listenOnUnix({ path: name }, handlers);
  const placed = await listenOnPath(path, permissions, bind);
  return bound(placed.listener, 0, placed.file);
}

function listenOnInherited(fd: number, keepalive: number, handlers: AcceptHandlers): BoundSource {
  // On a Unix socket the TCP options fail, which harms nothing.
  setKeepalive(fd, keepalive);
  return bound(listenOn(fd, handlers));
}

function mendOf(source: SocketEndpoint | ListeningDescriptor, code: string): string {
  if (code === "EACCES" && source.kind === "tcp" && source.port < 1024)
    return "a port below 1024 needs the capability CAP_NET_BIND_SERVICE";
  if (code === "EADDRINUSE") return "stop the program that listens there or choose another address";
  if (code === "EADDRNOTAVAIL") return "no interface of this machine has that address";
  if (code === "ENOENT" && source.kind === "unix")
    return "make the folder first, or add --directory-mode=0755 (in a systemd unit: RuntimeDirectory=)";
  return "";
}
