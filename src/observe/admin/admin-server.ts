import type { SocketEndpoint } from "../../address/address.ts";
import type { HandedSource } from "../../relay/kinds-of-source.ts";
import type { Observation } from "../figures/observe-process.ts";
import { ADMIN_MODE } from "./admin-mode.ts";
import { type AdminPermissions, bindAdmin } from "./bind-admin.ts";
import { BoundedHttpServer } from "./bounded-http-server.ts";
import { ADMIN_ROUTES, answer, METRICS_ROUTES, type Routes } from "./answer-request.ts";

/** Options of an admin or metrics server. */
export interface ServerOptions {
  /** The figures that the answers show. */
  readonly observation: Observation;
  /** The permissions of a Unix socket's file. Default: mode 0660, this process's group. */
  readonly permissions?: AdminPermissions;
  /** Called with an unexpected error. A client whose request caused the error gets status 500. */
  readonly fault?: (error: unknown) => void;
  /**
   * Called if the socket's file cannot be removed when the server stops. The server stops
   * nevertheless.
   */
  readonly warning?: (message: string) => void;
}

/**
 * A running admin or metrics server. Disposing the server closes its listening socket and all its
 * connections at once. After `leave` was called, disposing does nothing.
 */
export interface AdminServer extends Disposable {
  /** The address, with the port that the system chose if port 0 was asked for. */
  readonly endpoint: SocketEndpoint;
  /**
   * Starts to accept clients. Needed only if another process handed over the listening sockets;
   * any other server accepts clients from the start.
   */
  accept(): void;
  /**
   * Returns the listening sockets, so that the caller can hand them over to another process. This
   * process's descriptors of the sockets stay open.
   */
  forHandover(): HandedSource;
  /**
   * Stops accepting clients. Resolves when the last client has received its answer.
   *
   * @param options - `isGivenUp` is false if another process has taken over the socket: the
   *   socket's file then stays, because that process uses it. `isGivenUp` is true if no process has
   *   taken over the socket: the file is then removed.
   */
  leave(options: { readonly isGivenUp: boolean }): Promise<void>;
}

/**
 * Opens the server of the option `--admin`, which serves the page, the status, metrics and health.
 *
 * @param address - the address, or listening sockets that another process handed over
 * @throws {RelayError} if the address cannot be listened on
 */
export function openAdmin(
  address: SocketEndpoint | HandedSource,
  options: ServerOptions,
): Promise<AdminServer> {
  return open(address, ADMIN_ROUTES, "--admin", options);
}

/**
 * Opens the server of the option `--metrics`, which serves only metrics and health.
 *
 * @param address - the address, or listening sockets that another process handed over
 * @throws {RelayError} if the address cannot be listened on
 */
export function openMetrics(
  address: SocketEndpoint | HandedSource,
  options: ServerOptions,
): Promise<AdminServer> {
  return open(address, METRICS_ROUTES, "--metrics", options);
}

async function open(
  address: SocketEndpoint | HandedSource,
  routes: Routes,
  option: string,
  {
    observation,
    permissions = { mode: ADMIN_MODE, group: undefined },
    fault = () => {},
    warning = () => {},
  }: ServerOptions,
): Promise<AdminServer> {
  const server = new BoundedHttpServer((request) => answer(request, routes, observation, fault));
  const isHanded = address.kind === "handed";
  const bound = await server.listen(
    (handlers) => bindAdmin(address, handlers, permissions, option),
    isHanded,
  );
  let accepts = !isHanded;
  let hasLeft = false;
  return {
    endpoint: bound.endpoint,
    accept() {
      accepts = true;
      server.accept();
    },
    forHandover: bound.forHandover,
    async leave({ isGivenUp }) {
      hasLeft = true;
      if (isGivenUp) bound.hide({ fault, warning });
      await server.drain();
    },
    [Symbol.dispose]() {
      if (hasLeft) return;
      // If another process handed over the socket and `accept` was not called, that process still
      // uses the socket's file. So remove the file only after `accept`.
      if (accepts) bound.hide({ fault, warning });
      server[Symbol.dispose]();
    },
  };
}
