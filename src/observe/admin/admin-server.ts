import type { SocketEndpoint } from "../../address/address.ts";
import type { HandedSource } from "../../relay/listen/kinds-of-source.ts";
import type { Observation } from "../figures/observe-process.ts";
import { ADMIN_MODE } from "./admin-mode.ts";
import { type AdminPermissions, bindAdmin } from "./bind-admin.ts";
import { BoundedHttpServer } from "./bounded-http-server.ts";
import { ADMIN_ROUTES, answer, METRICS_ROUTES, type Routes } from "./answer-request.ts";

/** Options of an admin or metrics server. */
export interface ServerOptions {
  /** The source of every answer. */
  readonly observation: Observation;
  /** The permissions of a Unix socket's file. Default: mode 0660, this process's group. */
  readonly permissions?: AdminPermissions;
  /** Called with an unexpected error; the client gets status 500. */
  readonly fault?: (error: unknown) => void;
}

/** A server that answers until it is disposed. */
export interface AdminServer extends Disposable {
  /** The address, with the port that the system chose if port 0 was asked for. */
  readonly endpoint: SocketEndpoint;
  /** Starts to answer clients. A server on a handed-over socket answers nobody before this call. */
  accept(): void;
  /** Returns the listening sockets for another process. This process keeps its own descriptors. */
  forHandover(): HandedSource;
  /**
   * Stops accepting, and leaves the address and its file to the process that took them over. With
   * `isGivenUp`, no process took them over, and the file is removed. Settles when the last client
   * has received its answer.
   */
  leave(options: { readonly isGivenUp: boolean }): Promise<void>;
}

/**
 * Serves the page, the status, metrics and health: `--admin`.
 *
 * @param address - the address, or the sockets of another process that listen on it
 * @throws {RelayError} if the address cannot be listened on
 */
export function openAdmin(
  address: SocketEndpoint | HandedSource,
  options: ServerOptions,
): Promise<AdminServer> {
  return open(address, ADMIN_ROUTES, "--admin", options);
}

/**
 * Serves metrics and health, and nothing else: `--metrics`.
 *
 * @param address - the address, or the sockets of another process that listen on it
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
      if (isGivenUp) bound.hide();
      await server.drain();
    },
    [Symbol.dispose]() {
      if (hasLeft) return;
      // Until this server accepts, the file of a handed-over socket belongs to the other process.
      if (accepts) bound.hide();
      server[Symbol.dispose]();
    },
  };
}
