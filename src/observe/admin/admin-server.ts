import type { SocketEndpoint } from "../../address/address.ts";
import type { HandedSource } from "../../relay/listen/source.ts";
import type { Observation } from "../figures/observation.ts";
import { ADMIN_MODE } from "./admin-mode.ts";
import { type AdminPermissions, bindAdmin } from "./bind-admin.ts";
import { BoundedHttpServer } from "./bounded-http-server.ts";
import { ADMIN_ROUTES, answer, METRICS_ROUTES, type Routes } from "./routes.ts";

/** How an address is served. */
export interface ServerOptions {
  /** What is told of. */
  readonly observation: Observation;
  /** Of the file of a Unix socket. Default: mode 0660, this process's group. */
  readonly permissions?: AdminPermissions;
  /** Called with an error that nobody foresaw; the client gets status 500. */
  readonly fault?: (error: unknown) => void;
}

/** An address that answers until it is disposed. */
export interface AdminServer extends Disposable {
  /** The address, with the port that the system chose if port 0 was asked for. */
  readonly endpoint: SocketEndpoint;
  /** Answers clients. On a socket that another process handed over nobody is answered before. */
  accept(): void;
  /** What another process needs to answer there; the descriptors stay this one's. */
  forHandover(): HandedSource;
  /**
   * Answers no further clients and leaves the address, its file included, to the process that now has
   * it; the file is removed if `isGivenUp`. Settles when the last client has got its answer.
   */
  leave(options: { readonly isGivenUp: boolean }): Promise<void>;
}

/**
 * Serves the page, the status, metrics and health: `--admin`.
 *
 * @param address - or the sockets of another process that listen there
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
 * @param address - or the sockets of another process that listen there
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
      // The file of a socket that was handed over is the other process' own until it is accepted from.
      if (accepts) bound.hide();
      server[Symbol.dispose]();
    },
  };
}
