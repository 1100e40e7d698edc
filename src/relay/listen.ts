import type { SocketHandler } from "bun";
import type { Endpoint } from "../address.ts";
import { printAddress } from "../address.ts";
import { errorCode } from "../os/errno.ts";
import type { ConnectionSide } from "./connection.ts";
import { relayError } from "./error.ts";
import { keepListenerAlive } from "./keepalive.ts";
import { listenOnPath, type Permissions } from "./socket-file.ts";

/** The bound source of a relay. */
export interface Listener {
  /** The source with the port that the system chose where 0 was asked. */
  readonly endpoint: Endpoint;
  /** Takes the way in away: a Unix source's file, if it is still the one made here. */
  hide(): void;
  /** Accepts no more. Open connections go on. */
  stop(): void;
}

/** How to listen. */
export interface ListenOptions extends Permissions {
  readonly keepalive: number;
  readonly handlers: SocketHandler<ConnectionSide, "uint8array">;
}

/**
 * Binds the source and listens.
 *
 * @throws {RelayError} with the system's code, the address and, where there is one, the mend.
 */
export async function listen(source: Endpoint, options: ListenOptions): Promise<Listener> {
  try {
    if (source.kind === "tcp") return listenOnTcp(source, options);
    if (source.kind === "abstract") return listenOnName(source, options);
    return await listenOnFile(source, options);
  } catch (error) {
    throw relayError("listen on", printAddress(source), error, mendOf(source, errorCode(error)));
  }
}

function nothing(): void {}

function listenOnTcp(
  source: Endpoint & { kind: "tcp" },
  { handlers, keepalive }: ListenOptions,
): Listener {
  const bind = (hostname: string) =>
    Bun.listen({ hostname, port: source.port, allowHalfOpen: true, socket: handlers });
  const listener = source.host === "" ? bindEverywhere(bind) : bind(source.host);
  keepListenerAlive(listener.fd, keepalive);
  return {
    endpoint: { ...source, port: listener.port },
    hide: nothing,
    stop: () => listener.stop(),
  };
}

/** Every interface: both families through one socket, or IPv4 where the system has no IPv6. */
function bindEverywhere<Bound>(bind: (hostname: string) => Bound): Bound {
  try {
    return bind("::");
  } catch (error) {
    if (errorCode(error) !== "EAFNOSUPPORT" && errorCode(error) !== "EADDRNOTAVAIL") throw error;
    return bind("0.0.0.0");
  }
}

function listenOnName(
  source: Endpoint & { kind: "abstract" },
  { handlers }: ListenOptions,
): Listener {
  const listener = Bun.listen({
    unix: `\0${source.name}`,
    allowHalfOpen: true,
    socket: handlers,
  });
  return { endpoint: source, hide: nothing, stop: () => listener.stop() };
}

async function listenOnFile(
  source: Endpoint & { kind: "unix" },
  { handlers, ...permissions }: ListenOptions,
): Promise<Listener> {
  const { listener, remove } = await listenOnPath(source.path, permissions, (path) =>
    Bun.listen({ unix: path, allowHalfOpen: true, socket: handlers }),
  );
  return { endpoint: source, hide: remove, stop: () => listener.stop() };
}

function mendOf(source: Endpoint, code: string): string {
  if (code === "EACCES" && source.kind === "tcp" && source.port < 1024)
    return "a port below 1024 needs the capability CAP_NET_BIND_SERVICE";
  if (code === "EADDRINUSE") return "stop the program that listens there or choose another address";
  if (code === "EADDRNOTAVAIL") return "no interface of this machine has that address";
  if (code === "ENOENT" && source.kind === "unix")
    return "make the folder first (in a systemd unit: RuntimeDirectory=)";
  return "";
}
